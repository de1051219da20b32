"""One database URL → Django's database settings."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from whitelist_site.env import Environment, SettingError

POOL = {"min_size": 1, "max_size": 16, "timeout": 2}  # seconds; a dead database holds no thread
# What libpq may be told in the URL's query, and what it looks like.
LIBPQ = {
    "sslmode": r"disable|allow|prefer|require|verify-ca|verify-full",
    "sslrootcert": r".+",
    "sslcert": r".+",
    "sslkey": r".+",
    "connect_timeout": r"[0-9]{1,4}",
    "application_name": r".+",
    "options": r".+",
    "target_session_attrs": r"any|read-write|read-only|primary|standby|prefer-standby",
}


def database_from_url(env: Environment, var_dir: Path) -> dict[str, Any]:
    """Settings for `sqlite:///FILE` (an absolute path has four slashes) or `postgres://…`.

    Raises `SettingError` without repeating the URL, which may hold a password.
    """
    schemes = frozenset({"sqlite", "postgres", "postgresql"})
    parts = env.url("DATABASE_URL", f"sqlite:///{quote(str(var_dir))}/whitelist.sqlite3", schemes)
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise SettingError("DATABASE_URL", "names no database")
    if parts.scheme == "sqlite":
        if parts.netloc or parts.query:
            raise SettingError("DATABASE_URL", "sqlite:// takes a file alone, as in sqlite:////f")
        return sqlite(name)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        # Without it the first requests after a restart of the database fail.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**libpq_options(parts.query), "pool": POOL},
    }


def libpq_options(query: str) -> dict[str, Any]:
    """Raises `SettingError` for all that it does not know; nothing is dropped in silence."""
    known = ", ".join(LIBPQ)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise SettingError("DATABASE_URL", "its query is not a list of name=value") from None
    options = dict(pairs)
    if len(options) < len(pairs) or not set(options) <= set(LIBPQ):
        raise SettingError("DATABASE_URL", f"its query may hold, each once: {known}")
    for name, value in options.items():
        if not re.fullmatch(LIBPQ[name], value):
            raise SettingError("DATABASE_URL", f"{name} in its query is malformed")
    return options


def make_private(database: dict[str, Any]) -> None:
    """Make a missing SQLite file readable by its owner alone, as SQLite itself would not.

    Its neighbours (-wal, -shm) take its mode. Raises `SettingError`.
    """
    file = Path(database["NAME"])
    in_file = database["ENGINE"].endswith("sqlite3") and database["NAME"] != ":memory:"
    if not in_file or not file.parent.is_dir():
        return
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise SettingError("DATABASE_URL", f"cannot make {file}: {error.strerror}") from error


def sqlite(name: str) -> dict[str, Any]:
    """SQLite made fit for several writing processes: WAL, and a lock taken at BEGIN."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
        # Tests too want a file: threads that share an in-memory database share its locks.
        "TEST": {"NAME": f"{name}.test"},
    }
