"""The LMDB table: changed in place, so that running SMTP sessions see it at once.

Postfix keeps the file mapped and takes an fcntl lock around each look-up. We take the same lock
around our look and our one transaction. Keys and values end in a NUL, as Debian's postmap writes
them; Postfix settles on one of the two styles at its first hit, so a table never mixes them.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lmdb

from relay_agent.errors import BrokenTable
from relay_agent.files import build_folder, check_folder, lock_record, move_into_place
from relay_agent.known import State, file_state, recall, remember, stamp
from relay_agent.lmdb_file import check_lmdb, last_transaction
from relay_agent.text import (
    Entries,
    IPAddress,
    Records,
    Still,
    to_entries,
    to_records,
    unchanged,
)

MAP_SIZE = 2**30  # address space, not disk: the file grows as it must
LOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Change:
    """What bringing a table up to date took. `rebuilt`: a new file took the old one's place."""

    put: int = 0
    deleted: int = 0
    rebuilt: bool = False

    def __bool__(self) -> bool:
        return bool(self.put or self.deleted or self.rebuilt)


def read_lmdb(path: Path) -> dict[IPAddress, int]:
    """The entries in a table. Raises FileNotFoundError, BrokenTable, LockTimeoutError."""
    return to_entries(path, read_records(path))


def update_lmdb(path: Path, entries: Entries) -> Change:
    """Make the table hold exactly `entries`. See `bring_to`."""
    return bring_to(path, to_records(entries))


def read_records(path: Path) -> Records:
    """The records in a table, whatever they say. Raises as `read_lmdb`."""
    with _opened(path, os.O_RDONLY, fcntl.F_RDLCK) as fd:
        return _look(fd, path)


def commit_number(path: Path) -> int:
    """The number of the last commit: rises with every change in place. 0 if it cannot be told."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        return last_transaction(fd)
    finally:
        os.close(fd)


def bring_to(path: Path, records: Records, still: Still = unchanged) -> Change:
    """Make the table hold exactly `records`: the difference only, in one durable transaction.

    Of them `still` says, at the last moment, which have not lapsed. A missing or broken table is
    built beside and renamed. Hold the folder's lock while calling.
    Raises OSError where the file or its folder cannot be written, and LockTimeoutError.
    """
    check_folder(path.parent)
    try:
        return change_in_place(path, lambda _: still(records))
    except (FileNotFoundError, BrokenTable):
        return _rebuild(path, still(records))


def change_in_place(path: Path, wanted: Callable[[Records], Records]) -> Change:
    """Let `wanted` say what the table should hold, given what it holds now; make it so.

    Reading and checking go on beside Postfix's look-ups; only the commit excludes them. If
    somebody else committed in between, it starts again. `wanted` is asked again just before the
    commit, and may want less then. Needs no other lock than the table's own. Raises
    FileNotFoundError, BrokenTable, LockTimeoutError, OSError.
    """
    while True:
        with _opened(path, os.O_RDWR, fcntl.F_RDLCK) as fd:
            before, number = _look(fd, path), last_transaction(fd)
            after = wanted(before)
            get = before.get
            put = [(key, value) for key, value in after.items() if get(key) != value]
            deleted = sorted(before.keys() - after.keys())
            if not put and not deleted:
                return Change()
            lock_record(fd, fcntl.F_UNLCK, path, LOCK_SECONDS)
            lock_record(fd, fcntl.F_WRLCK, path, LOCK_SECONDS)
            if last_transaction(fd) == number and _is_at(fd, path):
                latest = wanted(before)
                if len(latest) < len(after):  # what lapsed meanwhile must not be put back
                    put = [record for record in put if record[0] in latest]
                    deleted, after = sorted(before.keys() - latest.keys()), latest
                _commit(path, put, deleted)
                if stamp(fd):
                    remember(path, _state(fd), after)
                return Change(len(put), len(deleted))


def _state(fd: int) -> State:
    return file_state(os.fstat(fd), last_transaction(fd))


def _look(fd: int, path: Path) -> Records:
    """Read and checked, unless it is as we left it: a lapsed entry would wait for that."""
    known = recall(path, _state(fd))
    if known is not None:
        return known
    records = check_lmdb(fd, path)
    if not all(key.endswith(b"\0") and value.endswith(b"\0") for key, value in records.items()):
        raise BrokenTable(path, "a record without its final NUL")
    return {key[:-1]: value[:-1] for key, value in records.items()}


def _commit(path: Path, put: list[tuple[bytes, bytes]], deleted: list[bytes]) -> None:
    """One transaction, synced to disk. lmdb's own refusal means a broken table."""
    try:
        with (
            lmdb.open(str(path), subdir=False, lock=False, create=False, map_size=MAP_SIZE) as env,
            env.begin(write=True) as transaction,
        ):
            for key in deleted:
                transaction.delete(key + b"\0")
            for key, value in put:
                transaction.put(key + b"\0", value + b"\0")
    except lmdb.Error as error:
        if isinstance(error, lmdb.DiskError | lmdb.MapFullError | lmdb.ReadonlyError):
            raise OSError(f"{path} could not be written: {error}") from error
        raise BrokenTable(path, str(error)) from error


def _rebuild(path: Path, records: Records) -> Change:
    """Build a fresh table beside and rename it. The old file is left whole for who still maps it.

    Keys in LMDB's own order can be appended, which is fast and packs the pages.
    """
    with build_folder(path.parent) as work:
        built = work / path.name
        with (
            lmdb.open(str(built), subdir=False, lock=False, map_size=MAP_SIZE, mode=0o644) as env,
            env.begin(write=True) as transaction,
        ):
            for key in sorted(key + b"\0" for key in records):
                transaction.put(key, records[key[:-1]] + b"\0", append=True)
        number = commit_number(built)
        remember(path, file_state(move_into_place(built, path), number), records)
    return Change(put=len(records), rebuilt=True)


@contextmanager
def _opened(path: Path, flags: int, kind: int) -> Iterator[int]:
    """The table that is at `path` now, opened and locked as Postfix locks it.

    One that may not be opened is as good as broken: a new one can take its place.
    """
    while True:
        try:
            fd = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)
        except PermissionError as error:
            raise BrokenTable(path, error.strerror or "it may not be opened") from error
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise BrokenTable(path, "it is not a file")
            lock_record(fd, kind, path, LOCK_SECONDS)
            if _is_at(fd, path):
                yield fd
                return
        finally:
            os.close(fd)


def _is_at(fd: int, path: Path) -> bool:
    """Whether the open file still has this name: not replaced while we waited for its lock."""
    return os.path.samestat(os.fstat(fd), path.stat())
