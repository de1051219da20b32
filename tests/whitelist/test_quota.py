"""Requests a person a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from tests.whitelist.asking import HOUR, MINUTE, change, refusal, situation, use
from tests.whitelist.factories import NOON, make_identity, make_network, open_entry, register
from whitelist.entries import do_extend_entry
from whitelist.rules import EXTENDING, Reason, Refusal, RefusedError, first_refusal, local_midnight

pytestmark = pytest.mark.django_db

FIFTY_FIVE_MINUTES = timedelta(minutes=55)
# The local day begins at 16:00 UTC.
MIDNIGHT = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)


def test_the_days_last_request_is_served_and_the_next_is_not() -> None:
    use(4, at=NOON)
    assert first_refusal(situation(at=NOON + HOUR)) is None
    assert situation(at=NOON + HOUR).requests_left == 1
    use(1, at=NOON + HOUR)
    assert refusal(at=NOON + 2 * HOUR) == Refusal(Reason.QUOTA, until=MIDNIGHT, limit=5)
    assert situation(at=NOON + 2 * HOUR).requests_left == 0


def test_the_quota_is_the_persons_at_whatever_address() -> None:
    use(5, at=NOON)
    register("140.114.64.155", "lab155.ee.nthu.edu.tw")
    assert refusal("140.114.64.155", at=NOON + HOUR).reason == Reason.QUOTA
    assert first_refusal(situation(applicant=make_identity("s2"), at=NOON + HOUR)) is None


def test_the_same_account_at_another_portal_is_another_person() -> None:
    use(5, at=NOON)
    other = make_identity(issuer="https://other.example")
    assert first_refusal(situation(applicant=other, at=NOON + HOUR)) is None


def test_the_day_turns_at_local_midnight_to_the_second() -> None:
    use(5, at=MIDNIGHT - 30 * MINUTE)
    second = timedelta(seconds=1)
    assert refusal(at=MIDNIGHT - second).until == MIDNIGHT
    assert first_refusal(situation(at=MIDNIGHT)) is None
    assert situation(at=MIDNIGHT).requests_left == 5


def test_requests_of_the_first_second_of_a_day_count_for_it() -> None:
    use(5, at=MIDNIGHT)
    assert refusal(at=MIDNIGHT + HOUR).until == MIDNIGHT + timedelta(days=1)


def test_extensions_count_as_requests() -> None:
    applicant = make_identity()
    entry = open_entry(at=NOON, applicant=applicant)
    for number in range(1, 5):
        do_extend_entry(entry, applicant=applicant, at=NOON + number * FIFTY_FIVE_MINUTES)
    at = NOON + 5 * FIFTY_FIVE_MINUTES
    found = first_refusal(situation(at=at), EXTENDING)
    assert found == Refusal(Reason.QUOTA, until=MIDNIGHT, limit=5)


def test_extensions_count_for_the_day_they_were_asked_on() -> None:
    """Else an entry that was opened before midnight could be extended without end."""
    applicant = make_identity()
    entry = open_entry(at=MIDNIGHT - MINUTE, applicant=applicant)
    for number in range(1, 6):
        do_extend_entry(entry, applicant=applicant, at=MIDNIGHT + number * MINUTE)
    with pytest.raises(RefusedError) as refused:
        do_extend_entry(entry, applicant=applicant, at=MIDNIGHT + 6 * MINUTE)
    assert refused.value.refusal.reason == Reason.QUOTA


def test_refused_requests_cost_nothing() -> None:
    make_network()
    for _ in range(6):
        with pytest.raises(RefusedError):
            open_entry("140.114.64.1", name="host-64-1.nthu.edu.tw", at=NOON)
    assert situation(at=NOON).requests_left == 5


def test_nought_is_no_limit() -> None:
    change(requests_per_day=0)
    use(7, at=NOON)
    assert first_refusal(situation(at=NOON + HOUR)) is None
    assert situation(at=NOON + HOUR).requests_left is None


def test_a_quota_that_was_lowered_leaves_nothing_less_than_nought() -> None:
    use(3, at=NOON)
    change(requests_per_day=1)
    assert situation(at=NOON + HOUR).requests_left == 0


@pytest.mark.parametrize(
    ("at", "begin"),
    [
        (datetime(2026, 11, 24, 15, 59, 59, tzinfo=UTC), datetime(2026, 11, 23, 16, tzinfo=UTC)),
        (datetime(2026, 11, 24, 16, 0, 0, tzinfo=UTC), datetime(2026, 11, 24, 16, tzinfo=UTC)),
        (datetime(2026, 12, 31, 16, 0, 1, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC)),
        (datetime(2028, 2, 29, 3, 0, 0, tzinfo=UTC), datetime(2028, 2, 28, 16, tzinfo=UTC)),
    ],
)
def test_local_midnight_is_taipeis(at: datetime, begin: datetime) -> None:
    assert local_midnight(at) == begin
    assert local_midnight(at, days=1) == begin + timedelta(days=1)


def test_local_midnight_holds_where_clocks_change() -> None:
    with timezone.override("Europe/Berlin"):
        spring = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
        begin, end = (local_midnight(spring, days=days).astimezone(UTC) for days in (0, 1))
    assert end - begin == timedelta(hours=23)
