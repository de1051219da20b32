"""A queue of small messages in a folder, safe for any number of processes of one machine.

    FOLDER/owners/OWNER            stays locked for as long as that consumer process lives
    FOLDER/queues/QUEUE/tmp        messages that are being written
    FOLDER/queues/QUEUE/new        complete messages, named so that names sort by age
    FOLDER/queues/QUEUE/taken      NAME@OWNER: in one consumer's hands until it is done

A message moves by rename alone, so no reader meets half of one and no two consumers
get the same. What a dead consumer held goes back to `new`, a few times at most: a message
that kills every consumer must not do so for ever.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

logger = logging.getLogger(__name__)

MAX_DELIVERIES = 3
RECOVERY_INTERVAL = 30.0  # seconds between two looks for dead consumers
# A producer needs milliseconds between the first byte and the rename.
ABANDONED_AFTER = 3600.0  # seconds
NUMBERED = re.compile(r"(?P<stem>.+)\.(?P<deliveries>[0-9]{1,3})")


class Owner:
    """This process, as the consumers that share a folder see it.

    The lock is of the POSIX kind: children do not inherit it, so it ends with the process
    itself, also by `kill -9`.
    """

    def __init__(self, folder: Path) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(6)}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        hidden = folder / f".{self.name}"
        self._descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        # Locked before it can be seen: an unlocked file counts as dead.
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        hidden.rename(folder / self.name)


_owners: dict[tuple[int, Path], Owner] = {}
_owners_guard = threading.Lock()


def owner_of(folder: Path) -> Owner:
    """The one owner of this process in FOLDER; a forked child becomes another."""
    key = (os.getpid(), folder)
    with _owners_guard:
        if key not in _owners:
            _owners[key] = Owner(folder)
        return _owners[key]


def is_dead(file: Path) -> bool:
    """Whether the process behind an owner file is gone. Never ask it of this process."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    else:
        return True
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Taken:
    """A message in this process's hands: its file, and the name it had while it waited."""

    file: Path
    name: str


class Spool:
    """One queue of one folder. Every error of the file system passes through as `OSError`."""

    def __init__(self, folder: Path, queue: str) -> None:
        if queue in {"", ".", ".."}:
            raise ValueError(f"not the name of a queue: {queue!r}")
        self.owners = folder / "owners"
        self.folder = folder / "queues" / quote(queue, safe="")
        self.tmp, self.new, self.taken = (self.folder / part for part in ("tmp", "new", "taken"))
        self._seen: deque[str] = deque()
        self._next_recovery = 0.0

    def create(self) -> None:
        for folder in (self.owners.parent, self.owners, self.tmp, self.new, self.taken):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def exists(self) -> bool:
        return self.new.is_dir()

    def put(self, content: bytes) -> None:
        """Add a message: when this returns, a consumer can see all of it, or an error was raised.

        The content is on disk before the name is. The folder itself is not synced: losing the
        last messages in a power cut is harmless, because rows drive the tasks.
        """
        name = f"{time.time_ns():020d}-{secrets.token_hex(8)}.0"
        hidden = self.tmp / name
        try:
            descriptor = self._open_new(hidden)
            with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor, not a path
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            hidden.rename(self.new / name)
        except OSError:
            hidden.unlink(missing_ok=True)
            raise

    def _open_new(self, file: Path) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return os.open(file, flags, 0o600)
        except FileNotFoundError:
            self.create()
            return os.open(file, flags, 0o600)

    def take(self) -> Taken | None:
        """Claim the oldest message that nobody has claimed, or None."""
        self.recover_when_due()
        if not self._seen:
            self._seen = deque(self._waiting())
        while self._seen:
            name = self._seen.popleft()
            taken = Taken(self.taken / f"{name}@{owner_of(self.owners).name}", name)
            try:
                (self.new / name).rename(taken.file)
            except FileNotFoundError:
                continue  # another consumer was first
            except OSError as error:
                self._drop(self.new / name, str(error))
                continue
            return taken
        return None

    def _waiting(self) -> list[str]:
        try:
            names = os.listdir(self.new)  # noqa: PTH208  twenty times a second: names, no paths
        except FileNotFoundError:
            self.create()
            return []
        return sorted(name for name in names if not name.startswith("."))

    def done(self, taken: Taken) -> None:
        taken.file.unlink(missing_ok=True)

    def give_back(self, taken: Taken) -> None:
        """Put a claimed message back to where it was in the queue."""
        with contextlib.suppress(FileNotFoundError):
            taken.file.rename(self.new / taken.name)

    def drop(self, taken: Taken, why: str) -> None:
        """Remove a message that no consumer can ever use; the log says so."""
        self._drop(taken.file, why)

    def _drop(self, file: Path, why: str) -> None:
        logger.warning("dropped the message %s: %s", file, why)
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("cannot remove %s: %s", file, error)

    def size(self) -> int:
        return len(self._waiting())

    def purge(self) -> int:
        """Remove the messages that wait; the number removed."""
        removed = 0
        for name in self._waiting():
            with contextlib.suppress(FileNotFoundError):
                (self.new / name).unlink()
                removed += 1
        return removed

    def remove(self) -> None:
        """Remove the queue; what other consumers hold of it stays with them."""
        self.purge()
        with contextlib.suppress(OSError):
            for folder in (self.tmp, self.new, self.taken, self.folder):
                folder.rmdir()

    def recover_when_due(self) -> None:
        now = time.monotonic()
        if now >= self._next_recovery:
            self._next_recovery = now + RECOVERY_INTERVAL
            self.create()
            self.recover()

    def recover(self) -> None:
        """Give back what dead consumers held, and clear what dead producers left."""
        mine = owner_of(self.owners).name
        dead: dict[str, bool] = {mine: False}
        for file in list(self.taken.iterdir()):
            name, _, owner = file.name.rpartition("@")
            if owner not in dead:
                dead[owner] = is_dead(self.owners / owner)
            if dead[owner] and file.is_file():
                self._redeliver(file, name)
        self._clear_owners(mine)
        self._clear_abandoned()

    def _redeliver(self, file: Path, name: str) -> None:
        numbered = NUMBERED.fullmatch(name)
        stem, deliveries = (
            (numbered["stem"], int(numbered["deliveries"])) if numbered else (name, 0)
        )
        if deliveries + 1 >= MAX_DELIVERIES:
            self._drop(file, f"{MAX_DELIVERIES} consumers died with it")
            return
        with contextlib.suppress(FileNotFoundError):
            file.rename(self.new / f"{stem}.{deliveries + 1}")
            logger.warning("gave back the message %s of a consumer that died", name)

    def _clear_owners(self, mine: str) -> None:
        """Forget dead owners. Their messages count as a dead owner's all the same."""
        for file in list(self.owners.iterdir()):
            if file.name != mine and not file.name.startswith(".") and is_dead(file):
                file.unlink(missing_ok=True)

    def _clear_abandoned(self) -> None:
        limit = time.time() - ABANDONED_AFTER
        for file in (*self.tmp.iterdir(), *self.owners.glob(".*")):
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < limit:
                    file.unlink()
