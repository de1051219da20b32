"""The guard: what may be applied without anybody's word."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.whitelist.factories import NOON, make_identity, make_network, open_entry
from tests.whitelist.registry.syncing import (
    followed,
    history,
    host,
    hosts,
    stored,
    sync,
    sync_delta,
)
from whitelist.audit import SYSTEM
from whitelist.models.service_settings import ServiceSettings
from whitelist.models.sync_run import HeldTransfer, HoldReason
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.applying.apply import Changes, LossRefusedError, Source, do_apply_hosts
from whitelist.registry.applying.guard import has_addresses
from whitelist.registry.applying.staging import Pair, rows_of
from whitelist.registry.sources.transferred_zone import NeedsFullTransfer

pytestmark = pytest.mark.django_db

TEN = hosts(*range(1, 11))
WITH_SECOND_NAMES = TEN | hosts(*range(1, 11), name="www")


def reason_of(result: Changes | HeldTransfer) -> str | None:
    return result.reason if isinstance(result, HeldTransfer) else None


@pytest.mark.parametrize(
    ("before", "after", "allowed", "reason"),
    [
        (TEN, hosts(*range(3, 11)), 20, None),
        (TEN, hosts(*range(4, 11)), 20, HoldReason.LOSS),
        (TEN, hosts(*range(4, 11)) | hosts(*range(20, 90)), 20, HoldReason.LOSS),
        (TEN, hosts(*range(1, 11), name="lab"), 0, None),
        (TEN, hosts(*range(2, 11)), 0, HoldReason.LOSS),
        (TEN, hosts(*range(2, 11)), 10, None),
        (TEN, hosts(*range(2, 11)), 9, HoldReason.LOSS),
        (TEN, hosts(1), 100, None),
        (TEN, hosts(30), 100, None),
        (TEN, set(), 100, HoldReason.EMPTY),
        (TEN, set(), 20, HoldReason.EMPTY),
        (set(), set(), 0, None),
        (set(), TEN, 0, None),
        (WITH_SECOND_NAMES, TEN, 0, None),
        (WITH_SECOND_NAMES, hosts(*range(3, 11)), 20, None),
        (WITH_SECOND_NAMES, WITH_SECOND_NAMES - hosts(1, 2, 3), 0, None),
        (WITH_SECOND_NAMES, WITH_SECOND_NAMES - hosts(1, name="www") - hosts(1), 9, "loss"),
    ],
)
def test_addresses_that_lose_their_last_name_are_counted_and_nothing_else(
    before: set[Pair], after: set[Pair], allowed: int, reason: str | None
) -> None:
    zone = followed(loss_allowed=allowed)
    sync(zone, before)
    assert reason_of(sync(zone, after, serial=2)) == reason
    assert stored(zone) == (after if reason is None else before)
    assert zone.serial == (2 if reason is None else 1)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    old=st.sets(st.integers(1, 12)), new=st.sets(st.integers(1, 12)), allowed=st.integers(0, 100)
)
def test_whole_and_changes_are_judged_alike(old: set[int], new: set[int], allowed: int) -> None:
    Zone.objects.all().delete()
    whole, by_changes = followed(loss_allowed=allowed), followed("x.arpa", loss_allowed=allowed)
    before, after = hosts(*old), hosts(*new)
    sync(whole, before)
    sync(by_changes, before)
    lost = len(old - new)
    expected = (bool(old) and not new) or lost * 100 > allowed * len(old)
    assert isinstance(sync(whole, after, serial=2), HeldTransfer) == expected
    if expected:
        with pytest.raises(NeedsFullTransfer):
            sync_delta(by_changes, before - after, after - before)
    else:
        sync_delta(by_changes, before - after, after - before)
    assert stored(by_changes) == stored(whole)
    assert history(by_changes) == history(whole)


@pytest.mark.parametrize(
    ("number", "divisor", "enough"),
    [(200, 20, True), (201, 20, False), (1000, 100, True), (1, 0, False), (1, 100, True)],
)
def test_addresses_are_counted_as_far_as_needed(number: int, divisor: int, enough: bool) -> None:
    zone = followed()
    sync(zone, WITH_SECOND_NAMES)
    assert has_addresses(zone, number, divisor) == enough


def followed_with_entries(count: int) -> Zone:
    """Addresses 1 to 10 in a zone, with entries for the first few, which stand in a list too."""
    zone = followed(loss_allowed=100)
    sync(zone, TEN)
    make_network("140.114.0.0/16")
    for number in range(1, count + 1):
        address, name = host(number)
        open_entry(address, applicant=make_identity(f"member{number}"), at=NOON, name=name)
    return zone


@pytest.mark.parametrize(
    ("allowed", "hit", "held"), [(2, 2, False), (2, 3, True), (0, 1, True), (0, 0, False)]
)
def test_a_sync_that_hits_more_entries_than_allowed_is_held(
    allowed: int, hit: int, held: bool
) -> None:
    ServiceSettings.objects.update(entries_hit_allowed=allowed)
    zone = followed_with_entries(hit)
    result = sync(zone, hosts(*range(hit + 1, 11)), serial=2)
    assert reason_of(result) == (HoldReason.ENTRIES if held else None)
    assert result.entries_hit == hit
    assert result.addresses_lost == hit


def test_lapsed_entries_and_entries_that_keep_a_name_are_not_hit() -> None:
    zone = followed_with_entries(2)
    ServiceSettings.objects.update(entries_hit_allowed=0)
    renamed = TEN - hosts(1) | hosts(1, name="lab")
    assert sync(zone, renamed, serial=2) == Changes(1, 0, 1, 9)
    changes = sync(zone, renamed - hosts(2), serial=3, at=NOON + timedelta(days=1))
    assert changes == Changes(0, 0, 1, 9, addresses_lost=1)


def test_an_import_by_hand_says_which_word_it_wants() -> None:
    followed_with_entries(1)
    ServiceSettings.objects.update(entries_hit_allowed=0)
    zone = Zone.objects.get(loss_allowed=100)
    source, rows = Source(zone.name, ZoneKind.REVERSE, serial=5), hosts(*range(2, 11))
    with pytest.raises(LossRefusedError, match=r"1 of its 10 addresses, with active .*for 1 of"):
        do_apply_hosts(source, rows_of(rows), actor=SYSTEM, at=NOON, replace=True)
    assert stored(zone) == TEN
    done = do_apply_hosts(
        source, rows_of(rows), actor=SYSTEM, at=NOON, replace=True, accept_loss=True
    )
    assert (done.removed, done.entries_hit) == (1, 1)
    assert not HeldTransfer.objects.exists()
