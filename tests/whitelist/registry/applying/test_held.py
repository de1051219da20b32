"""What was not applied by itself is kept, shown, and released exactly as it was shown."""

from __future__ import annotations

import hashlib
import itertools
import random
import tracemalloc
import zlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.whitelist.factories import NOON
from tests.whitelist.registry.syncing import (
    followed,
    history,
    host,
    hosts,
    source_of,
    stored,
    sync,
    sync_delta,
)
from whitelist.audit import Actor
from whitelist.models.audit import ActorKind, AuditAction, AuditRecord
from whitelist.models.sync_run import HeldTransfer, HoldReason
from whitelist.models.zone import Zone
from whitelist.registry.applying.apply import Changes
from whitelist.registry.applying.held import (
    ChangedMeanwhileError,
    compressed,
    difference,
    do_release,
    pairs_of,
)
from whitelist.registry.applying.staging import Pair
from whitelist.registry.classify import LeftOut
from whitelist.registry.omissions import Omission

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)
STAFF = Actor(ActorKind.STAFF, "lee")
TEN = hosts(*range(1, 11))
FEW = hosts(1, 2, 30)
BAD = Omission(LeftOut.NOT_A_HOSTNAME, "9.64.114.140.in-addr.arpa", "PTR", "pc", "140.114.64.9")


def held_zone(**options: Any) -> tuple[Zone, HeldTransfer]:
    """Ten hosts stored; three others of them, or what else, held as serial 2."""
    zone = followed()
    sync(zone, TEN)
    sync(zone, FEW, serial=2, **options)
    return zone, HeldTransfer.objects.get()


def actions() -> list[str]:
    return list(AuditRecord.objects.order_by("pk").values_list("action", flat=True))


def test_what_is_refused_is_kept_as_text_that_its_digest_is_of() -> None:
    zone, held = held_zone(server="192.0.2.53#53")
    text = zlib.decompress(held.hosts)
    assert text.decode() == "".join(f"{address} {name}\n" for address, name in sorted(FEW))
    assert held.digest == hashlib.sha256(text).hexdigest()
    assert (held.reason, held.serial, held.server) == (HoldReason.LOSS, 2, "192.0.2.53#53")
    assert (held.added, held.removed) == (1, 8)
    assert (held.addresses_before, held.addresses_lost, held.entries_hit) == (10, 8, 0)
    assert stored(zone) == TEN
    assert (zone.serial, zone.loaded_at, zone.hosts_count) == (1, NOON, 10)
    assert not history(zone)
    record = AuditRecord.objects.get(action=AuditAction.TRANSFER_HELD)
    assert record.after == {
        "why": "loss",
        "serial": 2,
        "digest": held.digest,
        "added": 1,
        "removed": 8,
        "addresses_before": 10,
        "addresses_lost": 8,
        "entries_hit": 0,
    }


def test_the_caller_may_hold_what_the_guard_would_let_through() -> None:
    zone = followed()
    sync(zone, TEN, serial=7)
    held = sync(zone, TEN | hosts(11), serial=6, hold=HoldReason.SERIAL)
    assert isinstance(held, HeldTransfer)
    assert (held.reason, held.serial, held.added, held.removed) == ("serial", 6, 1, 0)
    assert (zone.serial, stored(zone)) == (7, TEN)


def test_a_dry_run_tells_of_holding_and_keeps_nothing() -> None:
    zone = followed()
    sync(zone, TEN)
    held = sync(zone, FEW, serial=2, dry_run=True)
    assert isinstance(held, HeldTransfer)
    assert held.addresses_lost == 8
    assert not HeldTransfer.objects.exists()
    assert AuditAction.TRANSFER_HELD not in actions()


def test_the_same_again_stays_as_it_was_and_something_else_takes_its_place() -> None:
    zone, first = held_zone()
    again = sync(zone, FEW, serial=2, at=LATER)
    assert again == first
    assert HeldTransfer.objects.get().held_at == NOON
    assert actions().count(AuditAction.TRANSFER_HELD) == 1
    sync(zone, FEW, serial=3, at=LATER)
    sync(zone, FEW - hosts(30), serial=3, at=LATER)
    held = HeldTransfer.objects.get()
    assert (held.serial, held.held_at, held.added) == (3, LATER, 0)
    assert actions().count(AuditAction.TRANSFER_HELD) == 3


@pytest.mark.parametrize("by_changes", [False, True])
def test_what_passes_the_guard_drops_what_is_held(by_changes: bool) -> None:
    zone, held = held_zone()
    if by_changes:
        sync_delta(zone, (), hosts(11), serial=3)
    else:
        sync(zone, TEN | hosts(11), serial=3)
    assert not HeldTransfer.objects.exists()
    assert stored(zone) == TEN | hosts(11)
    record = AuditRecord.objects.get(action=AuditAction.TRANSFER_DROPPED)
    assert record.after is not None
    assert record.after["digest"] == held.digest


def test_a_release_applies_exactly_what_was_held_and_all_of_it() -> None:
    zone = followed()
    sync(zone, TEN)
    cut, renamed = frozenset({f"0-31.{zone.name}"}), frozenset({f"9.{zone.name}"})
    source = source_of(zone, 2, cuts=cut, renamed=renamed, refresh=60, retry=30, expire=900)
    held = sync(zone, FEW, source=source, omitted=[BAD])
    assert isinstance(held, HeldTransfer)
    changes = do_release(zone, serial=2, digest=held.digest, actor=STAFF, at=LATER)
    assert changes == Changes(1, 0, 8, 2, addresses_lost=8)
    zone.refresh_from_db()
    assert stored(zone) == FEW
    assert (zone.serial, zone.hosts_count, zone.loaded_at) == (2, 3, LATER)
    assert (zone.refresh, zone.retry, zone.expire) == (60, 30, 900)
    assert (frozenset(zone.cuts), frozenset(zone.renamed)) == (cut, renamed)
    assert zone.left_out == {"not_a_hostname": 1}
    assert zone.omitted_records.get().address == "140.114.64.9"
    assert Zone.objects.filter(name__in=cut, loaded_at=None).exists()
    assert len(history(zone)) == 9
    assert not HeldTransfer.objects.exists()
    record = AuditRecord.objects.get(action=AuditAction.TRANSFER_RELEASED)
    assert (record.actor_kind, record.actor, record.reason) == ("staff", "lee", zone.name)


def test_a_release_compares_with_what_is_stored_now() -> None:
    zone, held = held_zone()
    zone.hosts.filter(address=host(1)[0]).delete()
    changes = do_release(zone, serial=2, digest=held.digest, actor=STAFF, at=LATER)
    assert (changes.added, changes.removed) == (2, 8)
    assert stored(zone) == FEW


@pytest.mark.parametrize(("serial", "digest"), [(1, None), (3, None), (None, None), (2, "0" * 64)])
def test_nothing_else_than_what_was_looked_at_is_released(
    serial: int | None, digest: str | None
) -> None:
    zone, held = held_zone()
    before = actions()
    with pytest.raises(ChangedMeanwhileError):
        do_release(zone, serial=serial, digest=digest or held.digest, actor=STAFF, at=LATER)
    assert (stored(zone), actions()) == (TEN, before)
    assert HeldTransfer.objects.get() == held


def test_a_release_is_made_once() -> None:
    zone, held = held_zone()
    do_release(zone, serial=2, digest=held.digest, actor=STAFF, at=LATER)
    with pytest.raises(ChangedMeanwhileError):
        do_release(zone, serial=2, digest=held.digest, actor=STAFF, at=LATER)


PAIRS = st.sets(st.builds(host, st.integers(1, 120), st.sampled_from(["pc", "lab"])))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(old=PAIRS, new=PAIRS)
def test_the_difference_is_what_a_release_would_change(old: set[Pair], new: set[Pair]) -> None:
    Zone.objects.all().delete()
    zone = followed()
    sync(zone, old)
    held = sync(zone, new, serial=2, hold=HoldReason.SERIAL)
    assert isinstance(held, HeldTransfer)
    told = list(difference(HeldTransfer.objects.get()))
    assert {(address, name) for sign, address, name in told if sign == "+"} == new - old
    assert {(address, name) for sign, address, name in told if sign == "-"} == old - new
    assert len(told) == len(new ^ old)
    assert [pair[1:] for pair in told] == sorted(pair[1:] for pair in told)


def test_the_difference_need_not_be_read_to_its_end() -> None:
    _zone, held = held_zone()
    assert len(list(itertools.islice(difference(held), 2))) == 2


def test_a_large_transfer_is_kept_and_read_back_in_little_memory() -> None:
    dice = random.Random(7)  # noqa: S311
    numbers = [dice.getrandbits(24) for _ in range(100_000)]
    tracemalloc.start()
    digest, packed = compressed(
        (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", f"pc{n}z.ee.nthu.edu.tw") for n in numbers
    )
    held = HeldTransfer(hosts=packed)
    count = sum(1 for _ in pairs_of(held))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    text = sum(
        len(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255} pc{n}z.ee.nthu.edu.tw\n") for n in numbers
    )
    assert count == len(numbers)
    assert len(digest) == 64
    assert peak < len(packed) * 2 + 1_500_000 < text * 1.5
