"""A process that brings a zone in step, again and again, and may be killed while it does.

    python -m tests.real.applier

Each word on standard input is done by a forked process of its own, which tells on standard
output what it is at: `pid N`, `reading`, `applying`, `done`; after its end comes `gone`.
Words: `migrate`, and the versions `old` and `new` of one zone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import django
from django.core.management import call_command

ZONE = "114.140.in-addr.arpa"
HOSTS = 20_000
SERIALS = {"old": 1, "new": 2}
Pair = tuple[str, str]


def pairs(version: str) -> Iterator[Pair]:
    """A third of the hosts gets another name; a tenth goes, and as many come."""
    first = 0 if version == "old" else HOSTS // 10
    for number in range(first, first + HOSTS):
        name = version if number % 3 == 0 else "pc"
        yield f"140.114.{number >> 8}.{number & 255}", f"{name}-{number}z.ee.nthu.edu.tw"


def tell(word: str) -> None:
    os.write(1, f"{word}\n".encode())


def told(version: str) -> Iterator[Pair]:
    tell("reading")
    yield from pairs(version)
    tell("applying")


def migrate() -> None:
    from whitelist.models import Zone  # noqa: PLC0415  Django must be set up before

    call_command("migrate", verbosity=0)
    Zone.objects.create(name=ZONE, kind="reverse", source="servers")


def bring_in_step(version: str) -> None:
    from whitelist.audit import SYSTEM  # noqa: PLC0415
    from whitelist.models import Zone  # noqa: PLC0415
    from whitelist.registry.applying.apply import Changes, Source, do_sync_hosts  # noqa: PLC0415
    from whitelist.registry.applying.staging import rows_of  # noqa: PLC0415
    from whitelist.registry.omissions import Omissions  # noqa: PLC0415

    zone = Zone.objects.get(name=ZONE)
    result = do_sync_hosts(
        zone,
        Source(ZONE, zone.kind, serial=SERIALS[version]),  # type: ignore[arg-type]
        rows_of(told(version)),
        omissions=Omissions(),
        actor=SYSTEM,
        at=datetime.now(UTC),
    )
    assert isinstance(result, Changes)


def do(word: str) -> None:
    tell(f"pid {os.getpid()}")
    if word == "migrate":
        migrate()
    else:
        bring_in_step(word)
    tell("done")


def main() -> None:
    """Nothing of the database is open here, so that every forked process opens it for itself."""
    django.setup()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                do(line.strip())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        tell("gone")


if __name__ == "__main__":
    main()
