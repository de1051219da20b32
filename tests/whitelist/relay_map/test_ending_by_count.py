"""An entry ends by itself when the relays report more than the settings bear."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.whitelist.factories import NOON, make_identity, open_entry
from tests.whitelist.relay_map.asking import Asker
from tests.whitelist.relay_map.test_sent import MINUTE, V4, counted
from whitelist.audit import SYSTEM
from whitelist.entries import EntryEndedError, do_extend_entry
from whitelist.models import (
    AccessMap,
    AuditRecord,
    Notice,
    Relay,
    SentCount,
    ServiceSettings,
    WhitelistEntry,
)
from whitelist.models.audit import ActorKind, AuditAction
from whitelist.models.entry import EndReason
from whitelist.models.sent_count import WhatWasSent
from whitelist.service import do_change_settings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


def limits(**changes: object) -> None:
    do_change_settings(changes, actor=SYSTEM, at=NOON)


def reason_of(entry: WhitelistEntry) -> str:
    entry.refresh_from_db()
    return entry.end_reason


@pytest.fixture
def entry(relay: Asker) -> WhitelistEntry:
    return open_entry(V4, at=NOON, applicant=make_identity(email="ming@example.edu.tw"))


# (recipients above which, percent bounced, judged from), (recipients, bounced), reason
VERDICTS = {
    "nothing set": ((0, 0, 1), (10**9, 10**9), None),
    "at the limit": ((500, 0, 100), (500, 0), None),
    "above the limit": ((500, 0, 100), (501, 0), EndReason.TOO_MUCH),
    "below the share": ((0, 20, 100), (1000, 199), None),
    "at the share": ((0, 20, 100), (1000, 200), EndReason.BOUNCED),
    "too few to judge": ((0, 20, 100), (99, 99), None),
    "just enough to judge": ((0, 20, 100), (100, 20), EndReason.BOUNCED),
    "all of them": ((0, 100, 1), (1, 1), EndReason.BOUNCED),
    "bounces without recipients": ((0, 20, 100), (0, 50), None),
    "both": ((500, 20, 100), (501, 501), EndReason.TOO_MUCH),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_settings_decide(name: str) -> None:
    (above, percent, judged_from), (recipients, bounced), reason = VERDICTS[name]
    settings = ServiceSettings(
        end_above_recipients=above,
        end_at_bounced_percent=percent,
        bounce_judged_from=judged_from,
    )
    assert settings.limit_reached(WhatWasSent(1, recipients, bounced)) == reason


@pytest.mark.parametrize(
    "change", [{"end_at_bounced_percent": 101}, {"bounce_judged_from": 0}], ids=str
)
def test_settings_out_of_bounds_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        limits(**change)


def test_by_default_nothing_ends_and_nothing_more_is_asked(
    relay: Asker, entry: WhitelistEntry
) -> None:
    with CaptureQueriesContext(connection) as queries:
        relay.report(sent=[counted(entry, 9, 10**9, 10**9)])
    assert reason_of(entry) == ""
    assert len(queries) <= 16, [query["sql"][:90] for query in queries]


@pytest.mark.parametrize(
    ("counts", "reason"),
    [((3, 501, 0), EndReason.TOO_MUCH), ((3, 200, 60), EndReason.BOUNCED), ((3, 500, 9), "")],
    ids=["recipients", "bounced", "neither"],
)
def test_a_report_ends_what_it_takes_beyond_a_limit(
    relay: Asker, entry: WhitelistEntry, counts: tuple[int, int, int], reason: str
) -> None:
    limits(end_above_recipients=500, end_at_bounced_percent=30)
    before = AccessMap.objects.get().serial
    assert relay.report(sent=[counted(entry, *counts)]).status_code == 204
    assert reason_of(entry) == reason
    assert entry.is_active(NOON) is (reason == "")
    assert AccessMap.objects.get().serial == before + bool(reason)


def test_the_audit_holds_what_was_seen(relay: Asker, entry: WhitelistEntry) -> None:
    limits(end_above_recipients=500)
    relay.report(sent=[counted(entry, 3, 600, 7)])
    record = AuditRecord.objects.get(action=AuditAction.ENDED)
    assert (record.actor_kind, record.reason) == (ActorKind.SYSTEM, EndReason.TOO_MUCH)
    assert record.after is not None
    assert record.after["end_reason"] == "too_much"
    seen = {name: record.after[name] for name in ("messages", "recipients", "bounced")}
    assert seen == {"messages": 3, "recipients": 600, "bounced": 7}


def test_owner_and_staff_are_told_once(relay: Asker, entry: WhitelistEntry) -> None:
    limits(end_above_recipients=500, alarm_emails="noc@example.edu.tw")
    for recipients in (600, 700):
        relay.report(sent=[counted(entry, 3, recipients, 7)])
    letters = {letter.recipient: letter for letter in Notice.objects.all()}
    assert letters.keys() == {"ming@example.edu.tw", "noc@example.edu.tw"}
    assert Notice.objects.count() == 2
    for letter in letters.values():
        assert V4 in letter.subject
        assert {"600", "500", entry.reference} <= set(letter.body.replace("：", " ").split())
    assert "/smtp-whitelist/" in letters["ming@example.edu.tw"].body
    assert "/admin/" not in letters["ming@example.edu.tw"].body
    assert "/admin/" in letters["noc@example.edu.tw"].body


def test_relays_and_runs_are_added_up_over_an_extension(
    relay: Asker, entry: WhitelistEntry, noon: time_machine.Traveller
) -> None:
    limits(end_above_recipients=500)
    relay.report(run="aa" * 8, sent=[counted(entry, 1, 200)])
    relay.report(run="bb" * 8, sent=[counted(entry, 1, 200)])
    noon.move_to(NOON + MINUTE)
    do_extend_entry(entry, applicant=make_identity(), at=NOON + MINUTE)
    assert reason_of(entry) == ""
    Asker("mx2").report(sent=[counted(entry, 1, 101)])
    assert reason_of(entry) == EndReason.TOO_MUCH


def test_what_is_told_late_of_an_ended_entry_ends_nothing_again_nor_the_next_one(
    relay: Asker, entry: WhitelistEntry, noon: time_machine.Traveller
) -> None:
    limits(end_above_recipients=500)
    relay.report(sent=[counted(entry, 3, 600)])
    noon.move_to(NOON + MINUTE)
    following = open_entry(V4, at=NOON + MINUTE)
    relay.report(sent=[counted(entry, 4, 900, 3)])
    assert (reason_of(entry), reason_of(following)) == (EndReason.TOO_MUCH, "")
    assert AuditRecord.objects.filter(action=AuditAction.ENDED).count() == 1


def test_one_report_ends_several_and_leaves_the_others(relay: Asker, entry: WhitelistEntry) -> None:
    limits(end_above_recipients=500)
    others = [
        open_entry(f"140.114.64.{number}", at=NOON, name=f"pc{number}.nthu.edu.tw",
                   applicant=make_identity(f"s{number}"))
        for number in (160, 161)
    ]  # fmt: skip
    counts = [counted(entry, 1, 501), counted(others[0], 1, 900), counted(others[1], 1, 500)]
    relay.report(sent=counts)
    assert [reason_of(one) for one in [entry, *others]] == ["too_much", "too_much", ""]


def extend_until_it_ends(entry: WhitelistEntry, failed: Event) -> str:
    """How often its owner extends it makes no difference; the name of what stopped them."""
    applicant = make_identity(entry.requester_subject)
    try:
        while not failed.is_set():
            do_extend_entry(entry, applicant=applicant, at=timezone.now())
        return "a report failed"
    except (EntryEndedError, DatabaseError) as error:
        return type(error).__name__
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(3))
def test_reports_and_changes_of_the_map_wait_for_one_another_and_none_fails(attempt: int) -> None:
    """Two relays make all entries effective and over the limit, while their owners extend them."""
    with time_machine.travel(NOON, tick=True):
        Relay.objects.update(is_active=False)
        relays = [Asker("mx1"), Asker("mx2")]
        limits(end_above_recipients=500, requests_per_day=0)
        entries = [
            open_entry(f"140.114.64.{number}", name=f"pc{number}.nthu.edu.tw",
                       applicant=make_identity(f"s{number}"))
            for number in range(1, 7)
        ]  # fmt: skip
        started = AccessMap.objects.get().serial

        def report(relay: Asker) -> int:
            sent = [counted(entry, 1, 300) for entry in entries]
            try:
                # Not before somebody extends.
                while (serial := AccessMap.objects.get().serial) < started + 4:
                    pass
                return int(relay.report(serial=serial, sent=sent).status_code)
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            stopped = pool.map(extend_until_it_ends, entries, [failed := Event()] * 6)
            if list(pool.map(report, relays)) != [204, 204]:
                failed.set()
            assert set(stopped) == {"EntryEndedError"}
    assert {reason_of(entry) for entry in entries} == {"too_much"}
    assert AuditRecord.objects.filter(action=AuditAction.ENDED).count() == 6
    assert SentCount.objects.count() == 12
