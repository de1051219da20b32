"""One of several processes leads; the others wait. The lock ends with the process, however it ends.

On PostgreSQL it is an advisory lock of a session, so it holds across machines. On SQLite there is
one machine only, and a lock on a file does.
"""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path
from typing import LiteralString, Protocol

import psycopg
from django.db import connections

logger = logging.getLogger(__name__)

# Any constant will do; this one spells "beat".
ADVISORY_KEY = 0x62656174
TAKE = "SELECT pg_try_advisory_lock(%s)"
HELD = """
    SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND classid = 0 AND objid = %s AND objsubid = 1
    )
"""
# A leader whose machine vanished is noticed by the server after about 12 seconds, not two hours.
SESSION = (
    "SET tcp_keepalives_idle = 6",
    "SET tcp_keepalives_interval = 2",
    "SET tcp_keepalives_count = 3",
    # The session is idle between two ticks, and that is no fault.
    "SET idle_session_timeout = 0",
)


class Leadership(Protocol):
    def held(self) -> bool:
        """Whether this process leads now; takes the lead when it is free."""

    def resign(self) -> None:
        """Let another lead. Harmless when this process does not."""


class FileLeadership:
    """Leads whoever holds the lock on FILE. Raises `OSError` if the file cannot be made."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._descriptor: int | None = None

    def held(self) -> bool:
        if self._descriptor is not None and not self._is_the_file(self._descriptor):
            self.resign()
        if self._descriptor is None:
            self._descriptor = self._locked()
        return self._descriptor is not None

    def _locked(self) -> int | None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _is_the_file(self, descriptor: int) -> bool:
        """A file that was removed can still be locked, while another process locks its heir."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.file.stat())
        except FileNotFoundError:
            return False

    def resign(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class PostgresLeadership:
    """Leads whoever's session holds the advisory lock.

    The session is a connection of its own, outside every pool: a lost connection is lost
    leadership. Each look asks the server, so a pooler that swaps sessions is found out.
    """

    def __init__(self, alias: str = "default") -> None:
        self.alias = alias
        self._connection: psycopg.Connection | None = None
        self._trouble = ""

    def held(self) -> bool:
        try:
            held = self._still_held() or self._taken()
        except psycopg.Error as error:
            self._complain(str(error).strip())
            self.resign()
            return False
        self._trouble = ""
        return held

    def _complain(self, trouble: str) -> None:
        """Once, not every second while the database is away."""
        if trouble != self._trouble:
            logger.warning("cannot ask who leads: %s", trouble)
        self._trouble = trouble

    def _still_held(self) -> bool:
        if self._connection is None:
            return False
        if is_true(self._connection, HELD):
            return True
        self.resign()
        return False

    def _taken(self) -> bool:
        self._connection = own_session(self.alias)
        for statement in SESSION:
            self._connection.execute(statement)
        if is_true(self._connection, TAKE):
            return True
        self.resign()
        return False

    def resign(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def own_session(alias: str = "default") -> psycopg.Connection:
    """A connection outside every pool. Raises `psycopg.Error` within seconds."""
    parameters = dict(connections[alias].get_connection_params())
    for djangos in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(djangos, None)
    parameters |= {"connect_timeout": 5, "application_name": "whitelist beat"}
    return psycopg.connect(**parameters, autocommit=True)


def is_true(connection: psycopg.Connection, query: LiteralString) -> bool:
    row = connection.execute(query, [ADVISORY_KEY]).fetchone()
    return row is not None and bool(row[0])


def leadership(lock_file: Path, alias: str = "default") -> Leadership:
    """The kind of lock that reaches as far as the database does."""
    if connections[alias].vendor == "postgresql":
        return PostgresLeadership(alias)
    return FileLeadership(lock_file)
