"""Files that are replaced whole, and locks between the processes that write them.

Postfix notices a renamed table because the old file's link count drops to zero; a file written
again in place within one second it would miss (it compares whole seconds).
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from relay_agent.errors import LockTimeoutError, MissingFolderError
from relay_agent.known import stamp

MODE = 0o644  # smtpd may open a table after it gave up root
LOCK_NAME = ".lock"
BUILD_PREFIX = ".build-"
TEMPORARY_SUFFIX = ".tmp"
LOCK_POLL_SECONDS = 0.0005


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def move_into_place(built: Path, path: Path) -> os.stat_result:
    """Put the finished file `built` at `path`, at once and durably.

    It gets the folder's owner, so that root mending a table does not lock its publisher out.
    What the file was like before anybody else could open it, its time of change stamped.
    """
    owner = path.parent.stat()
    fd = os.open(built, os.O_RDONLY)
    try:
        os.fchmod(fd, MODE)
        if os.geteuid() == 0:
            os.fchown(fd, owner.st_uid, owner.st_gid)
        stamp(fd)
        os.fsync(fd)
        seen = os.fstat(fd)
    finally:
        os.close(fd)
    built.replace(path)
    sync_folder(path.parent)
    return seen


def replace_file(path: Path, content: bytes) -> os.stat_result | None:
    """Make `path` hold `content`: atomic, durable, mode 0644. None if it held it already; else as
    `move_into_place`."""
    check_folder(path.parent)
    with suppress(PermissionError):  # it can be replaced all the same
        if path.is_file() and path.read_bytes() == content:
            return None
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY_SUFFIX, dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as temporary:
            temporary.write(content)
        return move_into_place(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def build_folder(folder: Path) -> Iterator[Path]:
    """A private folder inside `folder`, so that what is built there can be renamed out of it."""
    check_folder(folder)
    work = Path(tempfile.mkdtemp(prefix=BUILD_PREFIX, dir=folder))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def remove_strays(folder: Path) -> None:
    """Remove what a killed writer left. Only for the holder of the folder's lock."""
    for stray in folder.glob(f"{BUILD_PREFIX}*"):
        shutil.rmtree(stray, ignore_errors=True)
    for stray in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        stray.unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Raise MissingFolderError unless `folder` is there."""
    if not folder.is_dir():
        raise MissingFolderError(f"the folder {folder} does not exist")


@contextmanager
def folder_lock(folder: Path, timeout: float) -> Iterator[None]:
    """Be the only writer of `folder`, among processes and threads. Raises LockTimeoutError.

    The kernel lets go of it when its holder dies, however it dies.
    """
    check_folder(folder)
    fd = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        _wait_for(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB), folder, timeout)
        yield
    finally:
        os.close(fd)


def lock_record(fd: int, kind: int, path: Path, timeout: float) -> None:
    """Take the lock that Postfix takes around its own reads and writes of a table.

    Postfix uses fcntl locks. Ours is one too, but owned by the open file, not by the process:
    an ordinary one would be dropped as soon as any descriptor of the same file is closed here,
    by lmdb or by another thread.
    """
    request = struct.pack("hhqqi", kind, os.SEEK_SET, 0, 0, 0)
    _wait_for(lambda: fcntl.fcntl(fd, fcntl.F_OFD_SETLK, request), path, timeout)


def _wait_for(lock: Callable[[], object], path: Path, timeout: float) -> None:
    """Call `lock`, which must not block, until it succeeds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            lock()
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EACCES}:
                raise
        else:
            return
        if time.monotonic() >= deadline:
            raise LockTimeoutError(f"{path} stayed locked by another process for {timeout:g} s")
        time.sleep(LOCK_POLL_SECONDS)
