"""Bring database, static files, demo and access map up to date, in one process.

Run by `bin/run` with the project's own Python.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django  # noqa: E402
import psycopg  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.staticfiles.finders import get_finders  # noqa: E402
from django.core.checks import run_checks  # noqa: E402
from django.core.management import CommandError, call_command  # noqa: E402
from django.db import DatabaseError, connection  # noqa: E402

from whitelist_site.leadership import own_session  # noqa: E402


def static_digest() -> str:
    """Changes when a static file does, as far as its size and time tell."""
    digest = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for finder in get_finders():
        for name, storage in finder.list(None):
            stat = Path(storage.path(name)).stat()
            digest.update(f"{storage.path(name)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def collect_static() -> None:
    """Only when something changed: it takes longer than all the rest."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    digest = static_digest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(digest)


def check_database() -> None:
    """A server that is away is told at once, not after the pool's many tries."""
    if connection.vendor == "postgresql":
        own_session().close()


def check_settings() -> None:
    """What Django's checks find, one line each; an error ends the preparation."""
    found = [message for message in run_checks() if not message.is_silenced()]
    for message in found:
        kind = "" if message.is_serious() else "warning: "
        print(f"{kind}{' '.join(str(message.msg).split())} ({message.id})", file=sys.stderr)
    if any(message.is_serious() for message in found):
        sys.exit(1)


def prepare() -> None:
    check_settings()
    check_database()
    call_command("migrate", interactive=False, verbosity=0)
    collect_static()
    if settings.PORTAL_SIMULATOR:
        call_command("demo_data")
    call_command("publish_access_map")


if __name__ == "__main__":
    django.setup()
    logging.getLogger().setLevel(logging.WARNING)
    try:
        prepare()
    except (DatabaseError, psycopg.Error) as error:
        sys.exit(f"the database cannot be used: {str(error).strip().splitlines()[0]}")
    except (CommandError, OSError) as error:
        sys.exit(str(error).strip())
