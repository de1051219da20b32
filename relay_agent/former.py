"""The file that was the LMDB table before: SMTP sessions that run may still look into it.

Whoever deletes a table or puts another file in its place does not reach those sessions. They go
on with the file that they have mapped, its entries and all, for as long as they last; and if that
file was cut, the smtpd that looks into it is killed. So the table is held open, and once it has
lost its name an empty one is written over its beginning: no exemption, and no harm.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from relay_agent.errors import LockTimeoutError
from relay_agent.files import lock_record
from relay_agent.lmdb_file import (
    INTEGER_KEY,
    MAGIC,
    META,
    META_PAGE,
    NO_ROOT,
    PAGE_HEADER,
    TREE,
    VERSION,
)

PAGE_SIZE = min(mmap.PAGESIZE, 32768)  # as LMDB chooses it
LOCK_SECONDS = 0.25


@dataclass
class Former:
    """Holds the table at `path`, and those that were there before until they are empty."""

    path: Path
    held: int | None = None
    lost: list[int] = field(default_factory=list)

    def look(self) -> None:
        """Call often, and after each replacement. Never raises: it is tried again."""
        if self.held is not None and not self._is_table(self.held):
            self.lost.append(self.held)
            self.held = None
        if self.held is None:
            self.held = self._open()
        self.lost = [fd for fd in self.lost if not emptied(fd, self.path)]

    def close(self) -> None:
        for fd in [*self.lost, *([] if self.held is None else [self.held])]:
            os.close(fd)
        self.held, self.lost = None, []

    def _is_table(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self.path.lstat())
        except OSError:
            return False

    def _open(self) -> int | None:
        """The table, unless there is none that may be opened."""
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        try:
            fd = os.open(self.path, flags)
        except OSError:
            return None
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        return None


def emptied(fd: int, path: Path) -> bool:
    """Whether an empty table could be written over the open file; then it is closed.

    Readers wait meanwhile. They look at the first two pages, and no further where these say that
    there is nothing. Nothing is cut off: that would kill who has mapped it.
    """
    try:
        lock_record(fd, fcntl.F_WRLCK, path, LOCK_SECONDS)
        os.pwrite(fd, empty_table(os.fstat(fd).st_size), 0)
    except (OSError, LockTimeoutError):
        return False
    os.close(fd)  # lets go of the lock, too
    return True


def empty_table(map_size: int) -> bytes:
    """The two pages that LMDB begins a table with, for a file of that size, in bytes."""
    map_size = max(2 * PAGE_SIZE, map_size // PAGE_SIZE * PAGE_SIZE)
    free = TREE.pack(PAGE_SIZE, INTEGER_KEY, 0, 0, 0, 0, 0, NO_ROOT)
    main = TREE.pack(0, 0, 0, 0, 0, 0, 0, NO_ROOT)
    meta = META.pack(MAGIC, VERSION, 0, map_size, free, main, 1, 0)
    pages = [PAGE_HEADER.pack(number, 0, META_PAGE, 0, 0) + meta for number in (0, 1)]
    return b"".join(page.ljust(PAGE_SIZE, b"\0") for page in pages)
