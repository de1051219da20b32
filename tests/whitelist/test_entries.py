"""The life of an entry: what opening, extending and ending promise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from tests.whitelist.factories import ADDRESS, NAME, NOON, make_identity, register
from whitelist import audit
from whitelist.addresses import parse_address
from whitelist.entries import (
    EntryEndedError,
    do_end_due_entries,
    do_end_entry,
    do_extend_entry,
    do_open_entry,
)
from whitelist.models import AccessMap, AuditRecord, ServiceSettings, WhitelistEntry
from whitelist.models.audit import AuditAction
from whitelist.models.entry import EndReason
from whitelist.rules import Reason, RefusedError

pytestmark = pytest.mark.django_db

HOUR = timedelta(minutes=60)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
HERE = parse_address(ADDRESS)
WANG = make_identity("wang")
CHEN = make_identity("chen")


@pytest.fixture(autouse=True)
def registered_address(db: None) -> None:
    register(ADDRESS, NAME)


def open_at(at=NOON, who=WANG, where=HERE) -> WhitelistEntry:
    return do_open_entry(applicant=who, address=where, at=at)


def serial() -> int:
    return AccessMap.objects.get().serial


def test_an_entry_lasts_for_the_term_from_the_moment_it_was_opened():
    entry = open_at()
    assert (entry.opened_at, entry.expires_at) == (NOON, NOON + HOUR)


def test_an_entry_keeps_who_asked_where_and_under_which_name():
    entry = WhitelistEntry.objects.get(pk=open_at().pk)
    assert entry.address == ADDRESS
    assert entry.hostname == NAME
    assert (entry.requester_issuer, entry.requester_subject) == WANG.key
    assert (entry.requester_role, entry.requester_status) == ("student", "校")
    assert "Electrical" in entry.unit


def test_opening_takes_the_next_map_serial():
    before = serial()
    entry = open_at()
    assert entry.serial == serial() == before + 1


def test_opening_is_audited_with_the_member_as_actor():
    entry = open_at()
    record = AuditRecord.objects.get(entry=entry)
    assert (record.action, record.actor, record.at) == (AuditAction.OPENED, "wang", NOON)
    assert record.address == ADDRESS
    assert record.after is not None
    assert record.after["expires_at"] == (NOON + HOUR).isoformat()


def test_a_refused_request_changes_nothing_and_is_audited():
    before = serial()
    elsewhere = parse_address("192.0.2.1")
    with pytest.raises(RefusedError) as caught:
        open_at(where=elsewhere)
    assert caught.value.refusal.reason == Reason.OFF_CAMPUS
    assert serial() == before
    assert not WhitelistEntry.objects.exists()
    record = AuditRecord.objects.get()
    assert (record.action, record.reason) == (AuditAction.REFUSED, "off_campus")
    assert (record.address, record.actor) == ("192.0.2.1", "wang")


def test_a_second_request_for_a_running_address_is_told_that_it_is_in_use():
    open_at()
    with pytest.raises(RefusedError) as caught:
        open_at(NOON + MINUTE, CHEN)
    assert caught.value.refusal.reason == Reason.ADDRESS_IN_USE
    assert caught.value.refusal.until == NOON + HOUR


def test_an_address_can_be_opened_again_from_the_very_moment_of_its_expiry():
    first = open_at()
    with pytest.raises(RefusedError):
        open_at(NOON + HOUR - SECOND)
    second = open_at(NOON + HOUR)
    first.refresh_from_db()
    assert (first.ended_at, first.end_reason) == (NOON + HOUR, EndReason.EXPIRED)
    assert second.is_active(NOON + HOUR)


def test_the_database_itself_refuses_a_second_open_entry_for_one_address():
    entry = open_at()
    entry.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.save()


def test_the_database_itself_refuses_an_end_without_a_reason():
    entry = open_at()
    with pytest.raises(IntegrityError), transaction.atomic():
        WhitelistEntry.objects.filter(pk=entry.pk).update(ended_at=NOON + MINUTE)


def test_the_database_itself_refuses_an_expiry_before_the_opening():
    entry = open_at()
    with pytest.raises(IntegrityError), transaction.atomic():
        WhitelistEntry.objects.filter(pk=entry.pk).update(expires_at=NOON)


def test_the_term_is_the_one_that_staff_have_set():
    ServiceSettings.objects.update(term_minutes=30)
    assert open_at().expires_at == NOON + HOUR / 2


def test_the_database_itself_refuses_a_term_beyond_the_maximum():
    with pytest.raises(IntegrityError), transaction.atomic():
        ServiceSettings.objects.update(term_minutes=24 * 60 + 1)


def test_an_extension_runs_one_term_from_now_and_never_further():
    entry = open_at()
    later = do_extend_entry(entry, applicant=WANG, at=NOON + 50 * MINUTE)
    assert later.expires_at == NOON + 50 * MINUTE + HOUR
    again = do_extend_entry(entry, applicant=WANG, at=NOON + 50 * MINUTE)
    assert again.expires_at == NOON + 50 * MINUTE + HOUR
    assert again.extensions == 2


def test_an_extension_takes_a_serial_and_is_audited_with_before_and_after():
    entry = open_at()
    extended = do_extend_entry(entry, applicant=WANG, at=NOON + MINUTE)
    assert extended.serial == serial() > entry.serial
    record = AuditRecord.objects.get(action=AuditAction.EXTENDED)
    assert record.before is not None
    assert record.after is not None
    assert record.before["expires_at"] == (NOON + HOUR).isoformat()
    assert record.after["expires_at"] == (NOON + MINUTE + HOUR).isoformat()


def test_an_extension_never_shortens_an_entry():
    entry = open_at()
    ServiceSettings.objects.update(term_minutes=10)
    extended = do_extend_entry(entry, applicant=WANG, at=NOON + MINUTE)
    assert extended.expires_at == NOON + HOUR


def test_a_lapsed_entry_cannot_be_extended():
    entry = open_at()
    with pytest.raises(EntryEndedError):
        do_extend_entry(entry, applicant=WANG, at=NOON + HOUR)


def test_an_extension_counts_as_a_request():
    ServiceSettings.objects.update(requests_per_day=2)
    entry = open_at()
    do_extend_entry(entry, applicant=WANG, at=NOON + MINUTE)
    with pytest.raises(RefusedError) as caught:
        do_extend_entry(entry, applicant=WANG, at=NOON + 2 * MINUTE)
    assert caught.value.refusal.reason == Reason.QUOTA
    assert AuditRecord.objects.filter(action=AuditAction.REFUSED).count() == 1


def test_an_extension_asks_the_rules_again():
    entry = open_at()
    ServiceSettings.objects.update(paused=True)
    with pytest.raises(RefusedError) as caught:
        do_extend_entry(entry, applicant=WANG, at=NOON + MINUTE)
    assert caught.value.refusal.reason == Reason.PAUSED


def test_an_ended_entry_is_not_active_and_its_address_is_free():
    entry = open_at()
    ended = do_end_entry(entry, actor=audit.member(WANG), reason=EndReason.OWNER, at=NOON + MINUTE)
    assert not ended.is_active(NOON + MINUTE)
    assert ended.serial == serial() > entry.serial
    assert open_at(NOON + 2 * MINUTE).pk != entry.pk


def test_an_entry_ends_once():
    entry = open_at()
    actor = audit.member(WANG)
    do_end_entry(entry, actor=actor, reason=EndReason.OWNER, at=NOON + MINUTE)
    with pytest.raises(EntryEndedError):
        do_end_entry(entry, actor=actor, reason=EndReason.STAFF, at=NOON + 2 * MINUTE)
    entry.refresh_from_db()
    assert (entry.ended_at, entry.end_reason) == (NOON + MINUTE, EndReason.OWNER)


def test_due_entries_are_closed_at_their_own_expiry_and_others_are_left():
    lapsed = open_at()
    register("140.114.64.155", "lab155.ee.nthu.edu.tw")
    running = open_at(NOON + MINUTE, CHEN, parse_address("140.114.64.155"))
    before = serial()
    assert do_end_due_entries(NOON + HOUR) == 1
    lapsed.refresh_from_db()
    running.refresh_from_db()
    assert (lapsed.ended_at, lapsed.end_reason) == (NOON + HOUR, EndReason.EXPIRED)
    assert running.ended_at is None
    assert serial() == before + 1


def test_closing_nothing_takes_no_serial():
    open_at()
    before = serial()
    assert do_end_due_entries(NOON + HOUR - SECOND) == 0
    assert serial() == before


def test_closing_is_audited_as_done_by_the_system():
    entry = open_at()
    do_end_due_entries(NOON + 2 * HOUR)
    record = AuditRecord.objects.get(action=AuditAction.ENDED)
    assert (record.entry_id, record.actor_kind, record.reason) == (entry.pk, "system", "expired")


def test_a_reference_names_the_local_day_and_leads_back_to_the_entry():
    entry = open_at(NOON.replace(hour=17))  # 01:00 of the next day in Taipei
    assert entry.reference == f"W-20261125-{entry.pk:04d}"
    assert WhitelistEntry.pk_of_reference(entry.reference) == entry.pk
    assert WhitelistEntry.pk_of_reference("W-2026-1") is None


def at_once(count: int, work) -> list[str]:
    """Run `work(i)` in `count` threads that start together; each result as a word."""
    barrier = Barrier(count)

    def run(number: int) -> str:
        barrier.wait()
        try:
            return str(work(number))
        except RefusedError as error:
            return error.refusal.reason.value
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_fifty_simultaneous_requests_for_one_address_give_one_entry():
    ServiceSettings.objects.update(requests_per_day=0)
    results = at_once(50, lambda i: open_at(who=make_identity(f"person{i}")).pk)
    assert results.count("address_in_use") == 49
    assert WhitelistEntry.objects.count() == 1
    assert serial() == WhitelistEntry.objects.get().serial


@pytest.mark.django_db(transaction=True)
def test_simultaneous_requests_of_one_person_do_not_exceed_the_quota():
    ServiceSettings.objects.update(requests_per_day=3)
    addresses = [f"140.114.65.{i}" for i in range(1, 21)]
    for address in addresses:
        register(address, f"pc{address.split('.')[-1]}.cs.nthu.edu.tw")
    results = at_once(20, lambda i: open_at(where=parse_address(addresses[i])).pk)
    assert results.count("quota") == 17
    assert WhitelistEntry.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_simultaneous_ends_end_an_entry_once():
    entry = open_at()
    actor = audit.member(WANG)

    def end(_number: int) -> str:
        try:
            do_end_entry(entry, actor=actor, reason=EndReason.OWNER, at=NOON + MINUTE)
        except EntryEndedError:
            return "ended before"
        return "ended"

    results = at_once(10, end)
    assert sorted(results) == ["ended"] + ["ended before"] * 9
    assert AuditRecord.objects.filter(action=AuditAction.ENDED).count() == 1
