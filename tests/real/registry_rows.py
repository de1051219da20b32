"""Rows for the scenes about registration, made inside the service: `service.manage("shell", …)`.

Zones in every state and what belongs to them, addresses with every fault, and users of the back
office. Rows whose pages are looked at have the primary keys that `registry_scenes` names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.real.registry_scenes import (
    FAILED_RUN,
    FAILING_ZONE,
    HELD,
    HELD_ZONE,
    OK_ZONE,
    OVERRIDE,
    RUN,
    UNIT_ADMIN,
)
from tests.whitelist.admin.zones import SERIAL, follow, hold, make_run
from tests.whitelist.factories import UNIT, make_identity
from whitelist.addresses import parse_address
from whitelist.entries import do_open_entry
from whitelist.models import (
    Host,
    HostChange,
    LiveAnswer,
    OmittedRecord,
    RegistrationOverride,
    SyncRun,
    UnitMembership,
    Zone,
    ZoneServer,
)
from whitelist.models.registration import LiveVerdict
from whitelist.models.sync_run import HoldReason, SyncMethod, SyncOutcome, SyncTrigger
from whitelist.models.zone import ZoneKind, ZoneSource
from whitelist.registry.classify import LeftOut
from whitelist.registry.name_servers.faults import Fault
from whitelist.units import GROUP

CS_REVERSE = "71.114.140.in-addr.arpa"
LEFT_OUT = {LeftOut.ALIAS: 214, LeftOut.WILDCARD: 3, LeftOut.UNFINISHED_TARGET: 2}


def make_rows(password: str) -> None:
    """Everything, at this moment; `password` is the unit network admin's."""
    at = timezone.now()
    make_unit_admin(password)
    make_zones(at)
    make_held(at)
    make_runs(at)
    make_faulty_computers(at)
    make_known_addresses(at)


def make_unit_admin(password: str) -> None:
    user = User.objects.create_user(UNIT_ADMIN, password=password, is_staff=True)
    user.groups.add(Group.objects.get(name=GROUP))
    UnitMembership.objects.create(user=user, unit=UNIT)


def make_zones(at: datetime) -> None:
    """One in each state; those in the state `by_hand` are the demo campus's."""
    sound = follow("cs.nthu.edu.tw", at, pk=OK_ZONE, hosts_count=1_482, left_out=LEFT_OUT,
                   full_at=at - timedelta(hours=11))  # fmt: skip
    ZoneServer.objects.create(zone=sound, address="127.0.0.53", key_name="campus", position=1)
    failed = at - timedelta(hours=2)
    follow("phys.nthu.edu.tw", at, pk=FAILING_ZONE, hosts_count=388, failing_since=failed,
           checked_at=failed, fault=Fault.WRONG_KEY, next_check_at=at + timedelta(minutes=13),
           fault_detail="127.0.0.1#53: answered BADSIG to our signature by the key campus",
           )  # fmt: skip
    follow("chem.nthu.edu.tw", at, checked_at=at - timedelta(hours=9), hosts_count=97)
    follow("lib.nthu.edu.tw", at, checked_at=at - timedelta(days=9), hosts_count=41,
           failing_since=at - timedelta(days=9), fault=Fault.DOWN,
           fault_detail="127.0.0.1#53: no connection")  # fmt: skip
    follow("88.114.140.in-addr.arpa", kind=ZoneKind.REVERSE)
    follow("dorm.nthu.edu.tw", at, source=ZoneSource.FILE, file="dorm.nthu.edu.tw.zone",
           hosts_count=5_210)  # fmt: skip
    for reason, *record in (
        (LeftOut.WILDCARD, "*.lab.cs.nthu.edu.tw", "A", "140.114.71.9"),
        (LeftOut.ALIAS, "www2.cs.nthu.edu.tw", "CNAME", "www.cs.nthu.edu.tw"),
        (LeftOut.NOT_A_HOSTNAME, "_old_pc.cs.nthu.edu.tw", "A", "140.114.71.77"),
        (LeftOut.PLACEHOLDER, "unused.cs.nthu.edu.tw", "A", "140.114.71.78"),
    ):
        omit(sound, reason, record)


def make_held(at: datetime) -> None:
    """Content that would take the names of two thirds of the addresses, one of them in use."""
    zone = follow(CS_REVERSE, at, pk=HELD_ZONE, kind=ZoneKind.REVERSE, hosts_count=60)
    pairs = [(f"140.114.71.{n}", f"pc{n}.cs.nthu.edu.tw") for n in range(101, 161)]
    Host.objects.bulk_create(Host(zone=zone, address=a, name=name) for a, name in pairs)
    applicant = make_identity("s112062501")
    do_open_entry(applicant=applicant, address=parse_address("140.114.71.101"), at=at)
    new = [*pairs[40:], ("140.114.71.200", "gpu.cs.nthu.edu.tw")]
    hold(zone, new, at - timedelta(minutes=25), pk=HELD, entries_hit=1)


def make_runs(at: datetime) -> None:
    sound, failing, held = (Zone.objects.get(pk=pk) for pk in (OK_ZONE, FAILING_ZONE, HELD_ZONE))
    started = at - timedelta(minutes=31)
    runs: list[tuple[Zone, dict[str, Any]]] = [
        (sound, {"pk": RUN, "added": 2, "left_out": LEFT_OUT, "serial_before": SERIAL - 1,
                 "serial_after": SERIAL}),
        (failing, {"pk": FAILED_RUN, "outcome": SyncOutcome.FAILED, "method": SyncMethod.SOA,
                   "trigger": SyncTrigger.SCHEDULE, "fault": failing.fault, "added": 0,
                   "removed": 0, "fault_detail": failing.fault_detail, "serial_after": None}),
        (held, {"outcome": SyncOutcome.HELD, "method": SyncMethod.FULL, "added": 1, "removed": 40,
                "trigger": SyncTrigger.NIGHTLY, "hold_reason": HoldReason.LOSS}),
        (sound, {"outcome": SyncOutcome.UNCHANGED, "method": SyncMethod.SOA, "actor": "lin",
                 "trigger": SyncTrigger.STAFF, "serial_after": SERIAL}),
        (sound, {"method": SyncMethod.FULL, "trigger": SyncTrigger.NIGHTLY, "added": 1_482,
                 "removed": 0, "serial_before": None, "serial_after": SERIAL - 1}),
    ]  # fmt: skip
    for number, (zone, fields) in enumerate(runs):
        make_run(zone, started - timedelta(hours=number), **fields)
    changed = SyncRun.objects.get(pk=RUN).started_at
    HostChange.objects.bulk_create(
        HostChange(zone=sound, address=address, name=name, added=added, at=changed)
        for address, name, added in (
            ("140.114.71.180", "gpu1.cs.nthu.edu.tw", True),
            ("140.114.71.181", "gpu2.cs.nthu.edu.tw", True),
            ("140.114.71.9", "oldprinter.cs.nthu.edu.tw", False),
        )
    )


def make_faulty_computers(at: datetime) -> None:
    """Loopback addresses of the demo campus whose registration lacks something."""
    forward, reverse = (
        Zone.objects.get(name=name) for name in ("demo.nthu.edu.tw", "0.127.in-addr.arpa")
    )
    name_it(forward, "127.0.4.10", "forgotten")
    omit(
        reverse,
        LeftOut.UNFINISHED_TARGET,
        ("11.4.0.127.in-addr.arpa", "PTR", "pc11.demo.nthu.edu.tw.0.127.in-addr.arpa"),
        "127.0.4.11",
    )
    for zone in (forward, reverse):
        name_it(zone, "127.0.4.12", "newcomer", first_seen_at=at - timedelta(hours=1))
        name_it(zone, "127.0.4.14", "overruled")
        for number in range(1, 41):
            name_it(zone, f"127.0.11.{number}", f"seat{number}")
    override("127.0.4.14", at, decision="refuse")
    follow("12.0.127.in-addr.arpa", at, kind=ZoneKind.REVERSE, checked_at=at)
    answer("127.0.12.1", LiveVerdict.REGISTERED, at - timedelta(minutes=1))
    old = follow("13.0.127.in-addr.arpa", at, kind=ZoneKind.REVERSE)
    Zone.objects.filter(pk=old.pk).update(checked_at=at - timedelta(days=9))
    name_it(old, "127.0.13.1", "unconfirmed")
    name_it(forward, "127.0.13.1", "unconfirmed")
    answer("127.0.4.2", LiveVerdict.UNREGISTERED, at)
    answer("127.0.1.8", LiveVerdict.REGISTERED, at)
    answer("127.0.1.9", LiveVerdict.UNKNOWN, at)


def make_known_addresses(at: datetime) -> None:
    """An address with everything: a mistake, a history, decisions and a live answer."""
    address = "140.114.64.99"
    zone = Zone.objects.get(name="64.114.140.in-addr.arpa")
    omit(
        zone,
        LeftOut.UNFINISHED_TARGET,
        ("99.64.114.140.in-addr.arpa", "PTR", "lab99.ee.nthu.edu.tw.64.114.140.in-addr.arpa"),
        address,
    )
    for days, name, added in ((90, "lab99", True), (2, "lab99", False), (400, "old99", False)):
        HostChange.objects.create(
            zone=zone, address=address, name=f"{name}.ee.nthu.edu.tw", added=added,
            at=at - timedelta(days=days),
        )  # fmt: skip
    past = override(address, at, decision="refuse")
    RegistrationOverride.objects.filter(pk=past.pk).update(
        created_at=at - timedelta(days=30),
        until=at - timedelta(days=16),
        lifted_at=at - timedelta(days=20),
    )
    answer(address, LiveVerdict.UNREGISTERED, at - timedelta(minutes=4))
    override("140.114.64.98", at, pk=OVERRIDE, decision="accept", name="lab98.ee.nthu.edu.tw")


def name_it(zone: Zone, address: str, label: str, **fields: Any) -> None:
    Host.objects.create(zone=zone, address=address, name=f"{label}.demo.nthu.edu.tw", **fields)


def omit(zone: Zone, reason: LeftOut, record: Sequence[str], address: str | None = None) -> None:
    owner, kind, target = record
    OmittedRecord.objects.create(
        zone=zone, reason=reason, owner=owner, type=kind, target=target, address=address
    )


def override(address: str, at: datetime, **fields: Any) -> RegistrationOverride:
    values = {"reason": "電話來電，已寫信請他們改正", "until": at + timedelta(days=14), **fields}
    return RegistrationOverride.objects.create(
        address=address, created_by=User.objects.get(username="lin"), **values
    )


def answer(address: str, verdict: LiveVerdict, at: datetime) -> None:
    """What the name servers said: of an unregistered one, a name that has no address."""
    heard: dict[str, dict[str, list[str]]] = {
        LiveVerdict.REGISTERED: {"heard.demo.nthu.edu.tw": [address]},
        LiveVerdict.UNREGISTERED: {"lab99.ee.nthu.edu.tw": []},
    }
    LiveAnswer.objects.create(
        address=address,
        asked_at=at,
        answered_at=at,
        verdict=verdict,
        names=heard.get(verdict, {}),
    )
