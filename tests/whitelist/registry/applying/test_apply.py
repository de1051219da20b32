"""Applying a zone, whole or by its changes: what is stored afterwards, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

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
from whitelist.audit import SYSTEM
from whitelist.models.audit import AuditAction, AuditRecord
from whitelist.models.host import Host, HostChange
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.applying.apply import Changes, Source, do_apply_hosts
from whitelist.registry.applying.staging import Pair, rows_of
from whitelist.registry.classify import LeftOut
from whitelist.registry.omissions import Omission
from whitelist.registry.sources import HostRow, SourceError
from whitelist.registry.sources.transferred_zone import NeedsFullTransfer

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(days=1)
WILD = Omission(LeftOut.WILDCARD, "*.80.114.140.in-addr.arpa", "PTR", "x.nthu.edu.tw", None)
BAD = Omission(LeftOut.NOT_A_HOSTNAME, "9.64.114.140.in-addr.arpa", "PTR", "pc", "140.114.64.9")
# Up to three names for each of five addresses.
PAIRS = st.sets(
    st.builds(host, st.integers(1, 5), st.sampled_from(["pc", "lab", "www"])), max_size=12
)
any_pairs = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def lost_addresses(old: set[Pair], new: set[Pair]) -> int:
    return len({address for address, _ in old} - {address for address, _ in new})


def table() -> tuple[object, ...]:
    """All that a sync may change."""
    return (
        set(Host.objects.values_list("pk", "zone", "address", "name", "first_seen_at")),
        list(Zone.objects.order_by("pk").values()),
        list(HostChange.objects.values()),
        AuditRecord.objects.count(),
    )


def test_the_first_loading_is_no_history_and_its_names_are_old() -> None:
    zone = followed()
    source = source_of(
        zone,
        2026112401,
        cuts=frozenset({f"b.{zone.name}", f"a.{zone.name}"}),
        renamed=frozenset({f"c.{zone.name}"}),
        refresh=3600,
        retry=900,
        expire=1_209_600,
    )
    assert sync(zone, hosts(1, 2), source=source) == Changes(2, 0, 0, 0)
    assert stored(zone) == hosts(1, 2)
    assert not zone.hosts.exclude(first_seen_at=None).exists()
    assert not history(zone)
    assert (zone.serial, zone.hosts_count) == (2026112401, 2)
    assert (zone.refresh, zone.retry, zone.expire) == (3600, 900, 1_209_600)
    assert (zone.cuts, zone.renamed) == (
        [f"a.{zone.name}", f"b.{zone.name}"],
        [f"c.{zone.name}"],
    )
    assert zone.loaded_at == zone.first_loaded_at == zone.full_at == NOON


def test_later_names_are_dated_and_every_coming_and_going_is_kept() -> None:
    zone = followed(loss_allowed=100)
    sync(zone, hosts(1, 2, 3))
    before = dict(zone.hosts.values_list("name", "pk"))
    changes = sync(zone, hosts(2, 3, 4), serial=2, at=LATER)
    assert changes == Changes(1, 0, 1, 2, addresses_lost=1)
    assert history(zone) == {(True, *host(4)), (False, *host(1))}
    assert set(HostChange.objects.values_list("at", flat=True)) == {LATER}
    seen = dict(zone.hosts.values_list("address", "first_seen_at"))
    assert seen == {host(2)[0]: None, host(3)[0]: None, host(4)[0]: LATER}
    assert zone.hosts.get(address=host(2)[0]).pk == before[host(2)[1]]
    assert (zone.serial, zone.loaded_at, zone.full_at) == (2, LATER, LATER)
    assert zone.first_loaded_at == NOON


def test_a_name_that_comes_back_is_new_again() -> None:
    zone = followed(loss_allowed=100)
    for serial, pairs in enumerate([hosts(1, 2), hosts(2), hosts(1, 2)], start=1):
        sync(zone, pairs, serial, at=NOON + timedelta(hours=serial))
    assert zone.hosts.get(address=host(1)[0]).first_seen_at == NOON + timedelta(hours=3)
    assert list(HostChange.objects.values_list("added", flat=True)) == [True, False]


@any_pairs
@given(old=PAIRS, new=PAIRS)
def test_what_is_stored_is_what_the_zone_says_and_the_numbers_are_true(
    old: set[Pair], new: set[Pair]
) -> None:
    Zone.objects.all().delete()
    zone = followed(loss_allowed=100)
    sync(zone, old)
    changes = sync(zone, new, serial=2)
    if old and not new:
        assert stored(zone) == old  # held: nothing would be left
        return
    assert stored(zone) == new
    assert zone.hosts_count == len(new)
    lost = lost_addresses(old, new)
    assert changes == Changes(len(new - old), 0, len(old - new), len(old & new), lost)
    gained, parted = {(True, *pair) for pair in new - old}, {(False, *pair) for pair in old - new}
    assert history(zone) == gained | parted


def test_a_host_that_comes_twice_is_one() -> None:
    zone = followed()
    sync(zone, hosts(1))
    assert sync(zone, [host(1), host(2), host(2), host(1)], serial=2) == Changes(1, 0, 0, 1)
    assert history(zone) == {(True, *host(2))}
    assert zone.hosts_count == 2


def test_a_source_that_breaks_off_changes_nothing() -> None:
    zone = followed()
    sync(zone, hosts(1, 2))

    def broken() -> Iterator[Pair]:
        yield host(3)
        raise SourceError("the line is dead")

    before = table()
    with pytest.raises(SourceError, match="the line is dead"):
        sync(zone, broken(), serial=2)
    assert table() == before


def test_a_dry_run_tells_the_true_numbers_and_changes_nothing() -> None:
    zone = followed(loss_allowed=100)
    sync(zone, hosts(1, 2))
    before = table()
    told = sync(zone, hosts(2, 3, 4), serial=2, dry_run=True)
    assert table() == before
    assert told == sync(zone, hosts(2, 3, 4), serial=2)


def test_a_sync_that_changes_no_host_leaves_no_audit_record() -> None:
    zone = followed()
    sync(zone, hosts(1))
    sync(zone, hosts(1), serial=2)
    record = AuditRecord.objects.get(action=AuditAction.REGISTRY_CHANGED)
    assert record.after is not None
    assert (record.reason, record.after["serial"], record.after["added"]) == (zone.name, 1, 1)
    assert zone.serial == 2


def test_what_is_left_out_is_replaced() -> None:
    zone = followed()
    sync(zone, hosts(1), omitted=[WILD, BAD, BAD])
    assert zone.left_out == {"not_a_hostname": 2, "wildcard": 1}
    assert zone.omitted_records.filter(address="140.114.64.9").count() == 2
    sync(zone, hosts(1), serial=2, omitted=[WILD])
    assert zone.left_out == {"wildcard": 1}
    assert [str(record) for record in zone.omitted_records.all()] == [
        "*.80.114.140.in-addr.arpa PTR x.nthu.edu.tw"
    ]


def test_adding_by_hand_keeps_the_cuts_that_are_known() -> None:
    zone = followed()
    for part in ("a", "b"):
        source = source_of(zone, 1, cuts=frozenset({f"{part}.{zone.name}"}))
        do_apply_hosts(source, [], actor=SYSTEM, at=NOON)
    zone.refresh_from_db()
    assert zone.cuts == [f"a.{zone.name}", f"b.{zone.name}"]
    do_apply_hosts(source, [], actor=SYSTEM, at=NOON, replace=True)
    zone.refresh_from_db()
    assert zone.cuts == [f"b.{zone.name}"]


def test_units_of_a_list_are_no_history() -> None:
    source = Source("csv", ZoneKind.LIST)
    for unit in ("EE", "CS"):
        row = HostRow(*host(1), unit, None, 2)
        changes = do_apply_hosts(source, [row], actor=SYSTEM, at=NOON, replace=True)
    assert changes == Changes(0, 1, 0, 0)
    assert Host.objects.get().unit == "CS"
    assert not HostChange.objects.exists()


def test_views_of_one_name_are_kept_apart() -> None:
    inside, outside = followed(view="inside"), followed(view="outside")
    sync(inside, hosts(1, 2))
    sync(outside, hosts(3))
    assert (stored(inside), stored(outside)) == (hosts(1, 2), hosts(3))
    source = Source(inside.name, ZoneKind.REVERSE, view="inside")
    do_apply_hosts(source, rows_of(hosts(4)), actor=SYSTEM, at=NOON)
    assert stored(inside) == hosts(1, 2, 4)
    assert Zone.objects.count() == 2


@pytest.mark.parametrize(
    ("there", "rows"),
    [(None, {"inside"}), ("", {""}), ("inside", {"inside"}), ("outside", {"inside", "outside"})],
)
def test_a_delegation_has_a_row_where_its_view_sees_no_such_zone(
    there: str | None, rows: set[str]
) -> None:
    zone, child = followed(view="inside"), "0-31.64.114.140.in-addr.arpa"
    if there is not None:
        followed(child, view=there)
    sync(zone, hosts(40), source=source_of(zone, 1, cuts=frozenset({child})))
    assert set(Zone.objects.filter(name=child).values_list("view", flat=True)) == rows


def test_a_delegation_goes_with_its_cut_unless_somebody_follows_it() -> None:
    zone = followed()
    mere, wanted = f"0-31.{zone.name}", f"32-63.{zone.name}"
    followed(wanted)
    sync(zone, [], source=source_of(zone, 1, cuts=frozenset({mere, wanted})))
    assert Zone.objects.filter(name=mere, loaded_at=None).exists()
    sync(zone, [], serial=2)
    assert set(Zone.objects.values_list("name", flat=True)) == {zone.name, wanted}


def test_a_dname_delegates_nothing() -> None:
    zone = followed()
    sync(zone, [], source=source_of(zone, 1, renamed=frozenset({f"9.{zone.name}"})))
    assert Zone.objects.get() == zone


@any_pairs
@given(old=PAIRS, new=PAIRS)
def test_changes_come_to_the_same_as_the_whole(old: set[Pair], new: set[Pair]) -> None:
    Zone.objects.all().delete()
    zone = followed(loss_allowed=100)
    sync(zone, old)
    if old and not new:
        with pytest.raises(NeedsFullTransfer):
            sync_delta(zone, old, new)
        assert stored(zone) == old
        return
    changes = sync_delta(zone, old - new, new - old, at=LATER)
    lost = lost_addresses(old, new)
    assert changes == Changes(len(new - old), 0, len(old - new), len(old & new), lost)
    assert stored(zone) == new
    assert zone.hosts_count == len(new)
    gained, parted = {(True, *pair) for pair in new - old}, {(False, *pair) for pair in old - new}
    assert history(zone) == gained | parted
    assert (zone.serial, zone.loaded_at, zone.full_at) == (2, LATER, NOON)


@pytest.mark.parametrize(
    ("removed", "added"),
    [
        (hosts(19), set()),
        (hosts(1, 19), set()),
        (hosts(1, name="lab"), set()),
        (set(), hosts(1)),
        (hosts(2), hosts(1, 19)),
        (hosts(1, 2, 3), set()),
        (hosts(*range(1, 11)), set()),
    ],
    ids=[
        "one goes that is not there",
        "one of two is not there",
        "the address has another name",
        "one comes that is there",
        "one of two is there",
        "more than a fifth is lost",
        "nothing would be left",
    ],
)
def test_changes_that_do_not_fit_or_are_too_much_change_nothing(
    removed: set[Pair], added: set[Pair]
) -> None:
    zone = followed()
    sync(zone, hosts(*range(1, 11)))
    before = table()
    with pytest.raises(NeedsFullTransfer):
        sync_delta(zone, removed, added)
    assert table() == before


def test_changes_to_what_somebody_else_has_changed_meanwhile_do_not_fit() -> None:
    zone = followed()
    sync(zone, hosts(1))
    same = Zone.objects.get(pk=zone.pk)
    sync_delta(zone, (), hosts(2), serial=2)
    with pytest.raises(NeedsFullTransfer, match="meanwhile"):
        sync_delta(same, (), hosts(3), serial=2)
    assert stored(zone) == hosts(1, 2)


def test_changes_in_what_is_left_out_are_counted_and_kept() -> None:
    zone = followed()
    sync(zone, hosts(1), omitted=[WILD, BAD, BAD])
    sync_delta(zone, omitted_removed=[BAD], omitted_added=[WILD])
    assert zone.left_out == {"not_a_hostname": 1, "wildcard": 2}
    assert sorted(zone.omitted_records.values_list("reason", flat=True)) == [
        "not_a_hostname",
        "wildcard",
        "wildcard",
    ]
    sync_delta(zone, omitted_removed=[BAD], serial=3)
    assert zone.left_out == {"wildcard": 2}
    before = table()
    with pytest.raises(NeedsFullTransfer, match="never left out"):
        sync_delta(zone, omitted_removed=[BAD], added=hosts(2), serial=4)
    assert table() == before


def test_a_dry_run_of_changes_changes_nothing() -> None:
    zone = followed()
    sync(zone, hosts(1))
    before = table()
    assert sync_delta(zone, (), hosts(2), dry_run=True) == Changes(1, 0, 0, 1)
    assert table() == before
