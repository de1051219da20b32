"""An entry whose address loses its registered name: notice, grace, end; and the name back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.whitelist.factories import ADDRESS, NAME, NOON, make_host, make_identity, open_entry
from whitelist.entries import do_end_due_entries, do_extend_entry, do_review_registrations
from whitelist.models import AccessMap, AuditRecord, Host, ServiceSettings, WhitelistEntry
from whitelist.models.entry import EndReason
from whitelist.models.network import Network
from whitelist.rules import RefusedError

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=20)
GRACE = timedelta(minutes=10)
FULL_TERM = NOON + timedelta(minutes=60)


@pytest.fixture
def entry() -> WhitelistEntry:
    return open_entry(at=NOON)


def lose_the_name() -> None:
    Host.objects.all().delete()


def actions() -> list[str]:
    return list(AuditRecord.objects.order_by("pk").values_list("action", flat=True))


def test_a_registered_address_gets_no_notice(entry):
    serial = AccessMap.objects.get().serial
    assert do_review_registrations(LATER) == (0, 0)
    entry.refresh_from_db()
    assert (entry.registration_lost_at, entry.expires_at) == (None, FULL_TERM)
    assert AccessMap.objects.get().serial == serial


def test_a_lost_name_brings_the_expiry_forward_to_the_end_of_the_grace(entry):
    lose_the_name()
    assert do_review_registrations(LATER) == (1, 0)
    entry.refresh_from_db()
    assert entry.registration_lost_at == LATER
    assert entry.expires_at == LATER + GRACE
    assert entry.expiry_before_loss == FULL_TERM
    assert entry.serial == AccessMap.objects.get().serial, "the relays are told"
    assert actions()[-1] == "registration_lost"


def test_notice_is_given_once(entry):
    lose_the_name()
    do_review_registrations(LATER)
    assert do_review_registrations(LATER + timedelta(minutes=1)) == (0, 0)
    entry.refresh_from_db()
    assert entry.expires_at == LATER + GRACE


def test_a_notice_never_lengthens_an_entry(entry):
    lose_the_name()
    late = FULL_TERM - timedelta(minutes=3)
    do_review_registrations(late)
    entry.refresh_from_db()
    assert entry.expires_at == FULL_TERM
    do_end_due_entries(FULL_TERM)
    entry.refresh_from_db()
    assert entry.end_reason == EndReason.EXPIRED, "it would have ended then all the same"


def test_after_the_grace_it_ends_with_that_reason(entry):
    lose_the_name()
    do_review_registrations(LATER)
    assert not WhitelistEntry.objects.active(LATER + GRACE).exists()
    do_end_due_entries(LATER + GRACE + timedelta(seconds=3))
    entry.refresh_from_db()
    assert entry.end_reason == EndReason.REGISTRATION_LOST
    assert entry.ended_at == LATER + GRACE


def test_without_a_grace_it_ends_at_once(entry):
    ServiceSettings.objects.update(registration_grace_minutes=0)
    lose_the_name()
    do_review_registrations(LATER)
    assert not WhitelistEntry.objects.active(LATER).exists()
    do_end_due_entries(LATER)
    entry.refresh_from_db()
    assert entry.end_reason == EndReason.REGISTRATION_LOST


def test_the_name_back_in_time_gives_the_old_expiry_again(entry):
    lose_the_name()
    do_review_registrations(LATER)
    make_host(ADDRESS, NAME)
    assert do_review_registrations(LATER + timedelta(minutes=5)) == (0, 1)
    entry.refresh_from_db()
    assert (entry.registration_lost_at, entry.expiry_before_loss) == (None, None)
    assert entry.expires_at == FULL_TERM
    assert entry.serial == AccessMap.objects.get().serial
    assert actions()[-1] == "registration_back"


def test_the_name_back_too_late_changes_nothing(entry):
    lose_the_name()
    do_review_registrations(LATER)
    make_host(ADDRESS, NAME)
    assert do_review_registrations(LATER + GRACE) == (0, 0)
    entry.refresh_from_db()
    assert entry.expires_at == LATER + GRACE


def test_an_entry_under_notice_cannot_be_extended_until_the_name_is_back(entry):
    lose_the_name()
    do_review_registrations(LATER)
    soon = LATER + timedelta(minutes=1)
    with pytest.raises(RefusedError):
        do_extend_entry(entry, applicant=make_identity(), at=soon)
    make_host(ADDRESS, NAME)
    extended = do_extend_entry(entry, applicant=make_identity(), at=soon)
    assert extended.expires_at == soon + timedelta(minutes=60)
    extended.refresh_from_db()
    assert (extended.registration_lost_at, extended.expiry_before_loss) == (None, None)


def test_a_network_that_becomes_shared_is_a_loss_too(entry):
    Network.objects.update(kind="dhcp")
    assert do_review_registrations(LATER) == (1, 0)


def test_only_the_address_that_lost_its_name_is_touched(entry):
    other = open_entry("140.114.64.155", name="lab155.ee.nthu.edu.tw", at=NOON)
    Host.objects.filter(address=ADDRESS).delete()
    assert do_review_registrations(LATER) == (1, 0)
    other.refresh_from_db()
    assert other.registration_lost_at is None
