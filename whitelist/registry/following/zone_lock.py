"""One sync of a zone at a time, over processes and machines; it ends with its holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import DatabaseError, InterfaceError, connection

# Our class of advisory locks in the two-integer form; any constant will do, this spells "zone".
ADVISORY_CLASS = 0x7A6F6E65
TAKE = "SELECT pg_try_advisory_lock(%s, %s::int)"
RELEASE = "SELECT pg_advisory_unlock(%s, %s::int)"


class ZoneBusyError(Exception):
    """Another process or thread is at this zone just now."""


@contextmanager
def zone_lock(pk: int, folder: Path) -> Iterator[None]:
    """Hold the zone. Raises `ZoneBusyError` at once where somebody else does.

    On PostgreSQL it is an advisory lock of our session: should the session break, the work
    under the lock fails with it. On SQLite there is one machine only, and a lock on a file in
    `folder` does; such a file is never removed, since a removed one could be locked twice.
    """
    held = advisory_lock(pk) if connection.vendor == "postgresql" else file_lock(pk, folder)
    with held:
        yield


@contextmanager
def advisory_lock(pk: int) -> Iterator[None]:
    if not answer(TAKE, pk):
        raise ZoneBusyError
    try:
        yield
    finally:
        release(pk)


def release(pk: int) -> None:
    """Let go. A session that cannot be asked to is broken off, which lets go as well.

    It must not go back to the pool with the lock: nobody could sync the zone any more.
    """
    try:
        released = answer(RELEASE, pk)
    except (DatabaseError, InterfaceError):
        released = False
    session = connection.connection
    if not released and session is not None:
        session.close()


def answer(query: str, pk: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(query, [ADVISORY_CLASS, pk])
        return bool(cursor.fetchone()[0])


@contextmanager
def file_lock(pk: int, folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"zone-{pk}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ZoneBusyError from None
        yield
    finally:
        os.close(descriptor)
