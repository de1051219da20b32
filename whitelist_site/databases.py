"""One database URL → Django's database settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from whitelist_site.env import Environment, SettingError


def database_from_url(env: Environment, var_dir: Path) -> dict[str, Any]:
    """Settings for `sqlite:///FILE` (an absolute path has four slashes) or `postgres://…`.

    Raises `SettingError` without repeating the URL, which may hold a password.
    """
    schemes = frozenset({"sqlite", "postgres", "postgresql"})
    parts = env.url("DATABASE_URL", f"sqlite:///{var_dir}/whitelist.sqlite3", schemes)
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise SettingError("DATABASE_URL", "names no database")
    if parts.scheme == "sqlite":
        return sqlite(name)
    options: dict[str, Any] = {"pool": {"min_size": 1, "max_size": 16, "timeout": 10}}
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
        "OPTIONS": options,
    }


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
