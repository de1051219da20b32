"""Syncing zones from pairs of address and name, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.whitelist.factories import NOON
from whitelist.audit import SYSTEM
from whitelist.models.host import HostChange
from whitelist.models.sync_run import HeldTransfer
from whitelist.models.zone import Zone, ZoneKind, ZoneSource
from whitelist.registry.applying.apply import Changes, Source, do_sync_delta, do_sync_hosts
from whitelist.registry.applying.staging import Pair, rows_of
from whitelist.registry.omissions import Omission, Omissions
from whitelist.registry.sources.transferred_zone import Delta

NAME = "64.114.140.in-addr.arpa"


def followed(name: str = NAME, *, view: str = "", loss_allowed: int = 20) -> Zone:
    return Zone.objects.create(
        name=name,
        view=view,
        kind=ZoneKind.REVERSE,
        source=ZoneSource.SERVERS,
        loss_allowed=loss_allowed,
    )


def host(number: int, name: str = "pc") -> Pair:
    return f"140.114.64.{number}", f"{name}{number}z.ee.nthu.edu.tw"


def hosts(*numbers: int, name: str = "pc") -> set[Pair]:
    return {host(number, name) for number in numbers}


def source_of(zone: Zone, serial: int, **more: Any) -> Source:
    return Source(zone.name, ZoneKind(zone.kind), zone.view, serial, **more)


def sync(
    zone: Zone,
    pairs: Iterable[Pair],
    serial: int = 1,
    *,
    omitted: Iterable[Omission] = (),
    at: datetime = NOON,
    source: Source | None = None,
    **options: Any,
) -> Changes | HeldTransfer:
    """All of a zone; the zone is read again afterwards."""
    omissions = Omissions()
    for omission in omitted:
        omissions.add(omission)
    source = source or source_of(zone, serial)
    rows = rows_of(pairs)
    result = do_sync_hosts(zone, source, rows, omissions=omissions, actor=SYSTEM, at=at, **options)
    zone.refresh_from_db()
    return result


def sync_delta(
    zone: Zone,
    removed: Iterable[Pair] = (),
    added: Iterable[Pair] = (),
    serial: int = 2,
    *,
    omitted_removed: Iterable[Omission] = (),
    omitted_added: Iterable[Omission] = (),
    at: datetime = NOON,
    **options: Any,
) -> Changes:
    delta = Delta(list(removed), list(added), list(omitted_removed), list(omitted_added))
    result = do_sync_delta(zone, source_of(zone, serial), delta, actor=SYSTEM, at=at, **options)
    zone.refresh_from_db()
    return result


def stored(zone: Zone) -> set[Pair]:
    return set(zone.hosts.values_list("address", "name"))


def history(zone: Zone) -> set[tuple[bool, str, str]]:
    return set(HostChange.objects.filter(zone=zone).values_list("added", "address", "name"))
