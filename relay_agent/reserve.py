"""Room on the disk for ending entries when nobody else has any.

Even taking an entry out of a table needs a few pages. A file holds them; it is given up when the
disk is full, and made again when there is room.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

NAME = ".reserve"
LEAST = 256 * 1024  # bytes
FULL = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT))


def is_full(error: Exception) -> bool:
    """Whether it is for want of room: lmdb says so in words only."""
    return any(word in str(error) for word in FULL)


class Reserve:
    """The reserve of one folder: as much as its tables twice, and at least LEAST."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME

    def keep(self) -> None:
        """Have it, if there is ample room. Never fails: there may be none at the moment."""
        try:
            wanted = self._wanted()
            held = self.path.stat().st_size if self.path.exists() else 0
            if held < wanted and shutil.disk_usage(self.folder).free > 2 * wanted:
                self._make(wanted)
        except OSError:
            return

    def give_up(self) -> bool:
        """Make room. Whether there was any to be made."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True

    def _wanted(self) -> int:
        sizes = [path.stat().st_size for path in self.folder.glob("smtp_whitelist*")]
        return max(LEAST, 2 * sum(sizes))

    def _make(self, size: int) -> None:
        """Raises OSError; then there is no reserve rather than one that is of no use."""
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError:
            if os.fstat(fd).st_size < LEAST:
                self.give_up()
            raise
        finally:
            os.close(fd)
