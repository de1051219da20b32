"""Zones, runs and held transfers to look at, with believable defaults."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.whitelist.factories import make_zone
from whitelist.models import (
    HeldTransfer,
    Host,
    HostChange,
    OmittedRecord,
    SyncRun,
    Zone,
    ZoneServer,
)
from whitelist.models.sync_run import HoldReason, SyncMethod, SyncOutcome, SyncTrigger
from whitelist.models.zone import ZoneKind, ZoneSource
from whitelist.registry.applying.held import compressed

NAME = "ee.nthu.edu.tw"
SERIAL = 2026112401


def follow(name: str = NAME, at: datetime | None = None, **fields: Any) -> Zone:
    """A zone that is followed from one server; in step at `at`, or never loaded without it."""
    in_step: dict[str, Any] = {}
    if at is not None:
        confirmed = at - timedelta(minutes=12)
        in_step = {
            "serial": SERIAL,
            "loaded_at": confirmed - timedelta(hours=3),
            "first_loaded_at": confirmed - timedelta(days=40),
            "checked_at": confirmed,
            "next_check_at": at + timedelta(minutes=48),
            "refresh": 3600,
            "retry": 900,
            "expire": 604_800,
        }
    values = {"kind": ZoneKind.FORWARD, "source": ZoneSource.SERVERS, **in_step, **fields}
    zone = Zone.objects.create(name=name, **values)
    ZoneServer.objects.create(zone=zone, address="127.0.0.1", key_name="campus")
    return zone


def make_run(zone: Zone, at: datetime, **fields: Any) -> SyncRun:
    values = {
        "started_at": at,
        "finished_at": at + timedelta(seconds=0.25),
        "trigger": SyncTrigger.NOTIFY,
        "method": SyncMethod.INCREMENTAL,
        "server": "127.0.0.1#53",
        "outcome": SyncOutcome.APPLIED,
        "serial_before": SERIAL,
        "serial_after": SERIAL + 1,
        "added": 1,
        "removed": 1,
        **fields,
    }
    return SyncRun.objects.create(zone=zone, **values)


def make_changes(zone: Zone, at: datetime, count: int = 1) -> None:
    """So many names that one address each got, and one that an address lost."""
    names = [
        HostChange(zone=zone, address=f"140.114.65.{n % 250}", name=f"new{n}.{NAME}", at=at,
                   added=True)
        for n in range(count)
    ]  # fmt: skip
    gone = HostChange(zone=zone, address="140.114.64.9", name=f"old.{NAME}", at=at, added=False)
    HostChange.objects.bulk_create([*names, gone])


def hold(zone: Zone, pairs: Iterable[tuple[str, str]], at: datetime, **fields: Any) -> HeldTransfer:
    """Hold these hosts (address, name) as new content of the zone; the numbers are true."""
    pairs = sorted(set(pairs))
    digest, hosts = compressed(pairs)
    stored = set(Host.objects.filter(zone=zone).values_list("address", "name"))
    before = {address for address, _name in stored}
    values = {
        "reason": HoldReason.LOSS,
        "held_at": at,
        "server": "127.0.0.1#53",
        "serial": SERIAL + 1,
        "digest": digest,
        "hosts": hosts,
        "content": {
            "cuts": [], "renamed": [], "refresh": 3600, "retry": 900, "expire": 604_800,
            "left_out": {}, "omissions": [],
        },
        "added": len(set(pairs) - stored),
        "removed": len(stored - set(pairs)),
        "addresses_before": len(before),
        "addresses_lost": len(before - {address for address, _name in pairs}),
        "entries_hit": 0,
        **fields,
    }  # fmt: skip
    return HeldTransfer.objects.create(zone=zone, **values)


def make_zone_rows(at: datetime) -> None:
    """A zone in step, one that is held, and what belongs to them."""
    zone = follow(at=at)
    make_run(zone, at)
    make_changes(zone, at)
    OmittedRecord.objects.create(
        zone=zone, reason="wildcard", owner=f"*.{NAME}", type="A", target="140.114.64.1"
    )
    reverse = make_zone("64.114.140.in-addr.arpa", ZoneKind.REVERSE)
    Zone.objects.filter(pk=reverse.pk).update(
        source=ZoneSource.SERVERS, serial=SERIAL, loaded_at=at, checked_at=at
    )
    hold(reverse, [("140.114.64.200", f"lab200.{NAME}")], at)
