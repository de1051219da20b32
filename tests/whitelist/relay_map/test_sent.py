"""What relays count reaches the entry under which it was sent, and never falls."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from tests.whitelist.factories import NOON, make_identity, open_entry
from tests.whitelist.relay_map.asking import Asker
from whitelist.audit import SYSTEM
from whitelist.entries import do_end_entry, do_extend_entry
from whitelist.models import SentCount, WhitelistEntry
from whitelist.models.entry import EndReason
from whitelist.relays import do_remove_relay

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
V4 = "140.114.64.154"
V6 = "2001:288:e001::64"
MINUTE = timedelta(minutes=1)


def counted(
    entry: WhitelistEntry, messages: int, recipients: int, bounced: int = 0, expires: int = 0
) -> dict[str, object]:
    return {
        "address": entry.address,
        "expires": expires or int(entry.expires_at.timestamp()),
        "messages": messages,
        "recipients": recipients,
        "bounced": bounced,
    }


def stored(entry: WhitelistEntry) -> list[tuple[int, int, int]]:
    rows = SentCount.objects.filter(entry=entry).order_by("pk")
    return list(rows.values_list("messages", "recipients", "bounced"))


def end(entry: WhitelistEntry) -> None:
    do_end_entry(entry, actor=SYSTEM, reason=EndReason.OWNER, at=entry.opened_at + MINUTE)


def test_a_count_is_stored_to_the_largest_that_was_seen(relay: Asker) -> None:
    entry = open_entry(V4, at=NOON)
    for counts in [(1, 10, 0), (3, 30, 1), (2, 20, 0), (3, 31, 0)]:
        relay.report(sent=[counted(entry, *counts)])
    assert stored(entry) == [(3, 31, 1)]


def test_each_relay_and_each_run_counts_by_itself(relay: Asker) -> None:
    entry = open_entry(V6, at=NOON, name="six.ee.nthu.edu.tw")
    relay.report(run="aa" * 8, sent=[counted(entry, 5, 50)])
    relay.report(run="bb" * 8, sent=[counted(entry, 1, 2)])
    Asker("mx2").report(run="aa" * 8, sent=[counted(entry, 7, 7)])
    assert stored(entry) == [(5, 50, 0), (1, 2, 0), (7, 7, 0)]


def test_nothing_sent_leaves_no_row(relay: Asker) -> None:
    entry = open_entry(V4, at=NOON)
    relay.report(sent=[counted(entry, 0, 0)])
    assert stored(entry) == []


def test_an_address_without_an_entry_is_left_out(relay: Asker) -> None:
    entry = open_entry(V4, at=NOON)
    stranger = counted(entry, 9, 9) | {"address": "140.114.64.1"}
    assert relay.report(sent=[stranger, counted(entry, 1, 1)]).status_code == 204
    assert list(SentCount.objects.values_list("entry", flat=True)) == [entry.pk]


@pytest.mark.parametrize(("late", "counts"), [(9, [(1, 1, 0)]), (11, [])])
def test_an_ended_entry_counts_for_ten_minutes_more(
    relay: Asker, noon: time_machine.Traveller, late: int, counts: list[tuple[int, int, int]]
) -> None:
    lapsed = open_entry(V4, at=NOON - 59 * MINUTE)
    ended = open_entry("140.114.64.155", at=NOON, name="a.nthu.edu.tw")
    end(ended)
    noon.move_to(NOON + MINUTE + late * MINUTE)
    relay.report(sent=[counted(lapsed, 1, 1), counted(ended, 1, 1)])
    assert (stored(lapsed), stored(ended)) == (counts, counts)


def test_of_two_entries_the_expiry_decides_and_else_the_running_one(
    relay: Asker, noon: time_machine.Traveller
) -> None:
    first = open_entry(V4, at=NOON)
    end(first)
    noon.move_to(NOON + 2 * MINUTE)
    second = open_entry(V4, at=NOON + 2 * MINUTE)
    relay.report(sent=[counted(first, 4, 4)])
    relay.report(sent=[counted(second, 6, 6, expires=12345)])
    assert (stored(first), stored(second)) == ([(4, 4, 0)], [(6, 6, 0)])


def test_an_extension_is_the_same_entry(relay: Asker, noon: time_machine.Traveller) -> None:
    entry = open_entry(V4, at=NOON)
    relay.report(sent=[counted(entry, 4, 4)])
    noon.move_to(NOON + 50 * MINUTE)
    do_extend_entry(entry, applicant=make_identity(), at=NOON + 50 * MINUTE)
    relay.report(sent=[counted(entry, 5, 5)])
    assert stored(entry) == [(5, 5, 0)]


def test_an_address_that_is_named_twice_counts_once(relay: Asker) -> None:
    entry = open_entry(V4, at=NOON)
    relay.report(sent=[counted(entry, 4, 9), counted(entry, 5, 5)])
    assert stored(entry) == [(5, 9, 0)]


def test_what_a_removed_relay_counted_stays(relay: Asker) -> None:
    entry = open_entry(V4, at=NOON)
    relay.report(sent=[counted(entry, 4, 4)])
    do_remove_relay(relay.row, actor=SYSTEM, at=NOON)
    assert stored(entry) == [(4, 4, 0)]


def test_a_whole_campus_fits_into_one_report(relay: Asker) -> None:
    entry = open_entry(V4, at=NOON)
    others = [
        counted(entry, 1, 1) | {"address": f"10.{number // 250}.0.{number % 250}"}
        for number in range(6000)
    ]
    assert relay.report(sent=[*others, counted(entry, 2, 2)]).status_code == 204
    assert stored(entry) == [(2, 2, 0)]
