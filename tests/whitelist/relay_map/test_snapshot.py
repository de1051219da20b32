"""What is in a snapshot, and that reading changes gives what reading all gives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as live_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from relay_agent.snapshot import Limits
from tests.whitelist.factories import NOON, make_identity, open_entry
from tests.whitelist.relay_map.asking import Asker, opened
from whitelist.audit import SYSTEM
from whitelist.entries import do_end_due_entries, do_end_entry, do_extend_entry
from whitelist.models import ServiceSettings, WhitelistEntry
from whitelist.models.entry import EndReason
from whitelist.relay_map import snapshot
from whitelist.relay_map.snapshot import Edition, Issue, Issuer, build, current_edition

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
V4 = "140.114.64.154"
V6 = "2001:288:e001::64"
MINUTE = timedelta(minutes=1)
SLOT = timedelta(seconds=300)
EXPIRY = int(NOON.timestamp()) + 3600


def test_the_snapshot_holds_what_is_active_and_who_vouches_for_it(relay: Asker) -> None:
    open_entry(V6, at=NOON, name="six.ee.nthu.edu.tw")
    open_entry(V4, at=NOON)
    ended = open_entry("140.114.64.155", at=NOON - timedelta(minutes=1), name="a.nthu.edu.tw")
    do_end_entry(ended, actor=SYSTEM, reason=EndReason.OWNER, at=NOON)
    snapshot = relay.snapshot()
    records = {V4.encode(): b"%d" % EXPIRY, V6.encode(): b"%d" % EXPIRY}
    assert snapshot.records == records
    assert list(snapshot.records) == list(records)
    assert snapshot.serial == 4
    assert snapshot.service == live_settings.BASE_URL
    assert (snapshot.issued_at, snapshot.not_after) == (EXPIRY - 3600, EXPIRY - 2700)


def test_an_empty_snapshot_is_there_before_anything_was_opened(relay: Asker) -> None:
    snapshot = relay.snapshot()
    assert (snapshot.serial, snapshot.records) == (0, {})


def test_the_limits_stand_in_the_snapshot(relay: Asker) -> None:
    ServiceSettings.objects.update(raised_per_hour=5000, raised_per_day=20_000)
    assert relay.snapshot().limits == Limits(per_hour=5000, per_day=20_000)


def test_every_process_makes_the_same_bytes_of_one_edition(
    relay: Asker, noon: time_machine.Traveller
) -> None:
    open_entry(V4, at=NOON)
    first = build(current_edition(1, Limits(), NOON))
    noon.move_to(NOON + timedelta(seconds=200))
    second = build(current_edition(1, Limits(), NOON + timedelta(seconds=200)))
    assert (first.body, first.digest, first.compressed) == (
        second.body,
        second.digest,
        second.compressed,
    )


def test_what_was_committed_after_the_question_is_told_by_its_own_serial(relay: Asker) -> None:
    asked = current_edition(0, Limits(), NOON)
    open_entry(V4, at=NOON)
    assert opened(build(asked).body).serial == 1


def test_changes_since_the_last_issue_give_the_same_bytes_as_reading_all(relay: Asker) -> None:
    """Opened, extended, ended, lapsed and closed, opened again: IPv4 between others, and IPv6."""
    ServiceSettings.objects.update(requests_per_day=0)
    before = NOON - 50 * MINUTE
    entries = {
        number: open_entry(f"140.114.64.{number}", at=before, name=f"pc{number}.nthu.edu.tw")
        for number in (9, 100, 20, 30)
    }
    lapsing = open_entry("140.114.64.40", at=NOON - 60 * MINUTE + SLOT / 2, name="d.nthu.edu.tw")
    base = build(current_edition(5, Limits(), NOON))
    assert len(base.records) == 5
    open_entry(V6, at=NOON, name="six.ee.nthu.edu.tw")
    open_entry("140.114.64.15", at=NOON, name="pc15.nthu.edu.tw")
    do_extend_entry(entries[9], applicant=make_identity(), at=NOON)
    for number in (100, 20):
        do_end_entry(entries[number], actor=SYSTEM, reason=EndReason.OWNER, at=NOON)
    open_entry("140.114.64.20", at=NOON, name="pc20.nthu.edu.tw")
    edition = current_edition(11, Limits(), NOON)
    assert build(edition, base) == build(edition)
    assert list(build(edition, base).records) == [
        b"140.114.64.9", b"140.114.64.15", b"140.114.64.20", b"140.114.64.30",
        b"140.114.64.40", V6.encode(),
    ]  # fmt: skip
    assert base.records.keys() >= {b"140.114.64.100"}, "the base itself is left as it was"
    do_end_due_entries(lapsing.expires_at)
    open_entry(lapsing.address, at=lapsing.expires_at, name="d.nthu.edu.tw")
    edition = current_edition(13, Limits(), NOON)
    assert build(edition, base) == build(edition)


@pytest.mark.parametrize(("many", "read"), [(5, '"serial" > 5'), (6, '"expires_at" > ')])
def test_one_change_of_many_entries_reads_what_has_changed_alone(
    relay: Asker, monkeypatch: pytest.MonkeyPatch, many: int, read: str
) -> None:
    monkeypatch.setattr(snapshot, "MANY", many)
    ServiceSettings.objects.update(requests_per_day=0)
    for number in range(1, 6):
        open_entry(f"140.114.64.{number}", at=NOON, name=f"pc{number}.nthu.edu.tw")
    issuer = Issuer(build)
    issuer.issue(current_edition(5, Limits(), NOON))
    open_entry(V4, at=NOON)
    with CaptureQueriesContext(connection) as queries:
        issue = issuer.issue(current_edition(6, Limits(), NOON))
    (query,) = queries
    assert read in query["sql"]
    assert len(issue.records) == 6


def test_a_row_changed_by_hand_is_seen_in_the_next_slot_also_among_many(
    relay: Asker, noon: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "MANY", 0)
    open_entry(V4, at=NOON)
    open_entry(V6, at=NOON, name="six.ee.nthu.edu.tw")
    assert len(relay.snapshot().records) == 2
    WhitelistEntry.objects.filter(address=V4).update(ended_at=NOON, end_reason="staff")
    noon.move_to(NOON + SLOT)
    assert list(relay.snapshot().records) == [V6.encode()]


@pytest.mark.parametrize("lifetime", [60, 900, 86_400])
def test_the_longest_term_and_the_longest_life_are_good_for_a_relay(
    relay: Asker, settings: Settings, noon: time_machine.Traveller, lifetime: int
) -> None:
    settings.RELAY_SNAPSHOT_SECONDS = lifetime
    ServiceSettings.objects.update(term_minutes=24 * 60)
    at = NOON + timedelta(seconds=lifetime // 3 - 1)
    noon.move_to(at)
    open_entry(V4, at=at)
    snapshot = relay.snapshot()
    assert snapshot.not_after - snapshot.issued_at == lifetime
    assert snapshot.not_after - at.timestamp() > lifetime / 2
    end = int(at.timestamp()) + 24 * 3600
    assert end - lifetime / 3 <= int(snapshot.records[V4.encode()]) <= end


def test_one_of_many_that_ask_at_once_builds(relay: Asker) -> None:
    built = []

    def note(edition: Edition, _base: Issue | None) -> Issue:
        built.append(edition)
        return Issue(edition, "", b"body", {})

    issuer = Issuer(note)
    edition = current_edition(5, Limits(), NOON)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _number: issuer.issue(edition), range(50)))
    assert len(built) == 1
    assert {id(issue) for issue in found} == {id(found[0])}
    older = current_edition(4, Limits(), NOON)
    assert issuer.issue(older) is found[0], "a later serial serves who asked before it"
    assert len(built) == 1
