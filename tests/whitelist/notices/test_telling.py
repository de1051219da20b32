"""What letters say, in whose language, and that they come once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from tests.whitelist.factories import NOON
from tests.whitelist.relay_map.asking import Asker
from whitelist.models import Notice, Relay, ServiceSettings
from whitelist.models.relay import LOCAL_RELAY
from whitelist.relay_watch import do_watch_relays

pytestmark = pytest.mark.django_db
SILENCE = timedelta(seconds=61)


@pytest.fixture(autouse=True)
def recipients(db: None) -> None:
    ServiceSettings.objects.update(alarm_emails="net@example.edu.tw\nduty@example.edu.tw\n")


@pytest.fixture
def relay(db: None) -> Relay:
    row = Asker("mx1").row
    Relay.objects.filter(pk=row.pk).update(reported_at=NOON, token_issued_at=NOON)
    row.refresh_from_db()
    return row


def letters(kind: str = "relay_silent") -> list[Notice]:
    return list(Notice.objects.filter(kind=kind).order_by("pk"))


def hear(relay: Relay, at) -> None:
    Relay.objects.filter(pk=relay.pk).update(reported_at=at)


def test_staff_hear_once_of_a_relay_that_is_silent_in_both_languages(relay: Relay) -> None:
    assert do_watch_relays(NOON + timedelta(seconds=59)) == 0
    assert do_watch_relays(NOON + SILENCE) == 1
    assert do_watch_relays(NOON + SILENCE * 2) == 0
    first, second = letters()
    assert {first.recipient, second.recipient} == {"net@example.edu.tw", "duty@example.edu.tw"}
    assert "mx1" in first.subject
    assert "\n" not in first.subject
    assert "2026/11/24（二）12:00:00" in first.body
    assert "Tue 24 Nov 2026, 12:00:00" in first.body
    assert f"http://127.0.0.1:8000/admin/whitelist/relay/{relay.pk}/change/" in first.body


def test_a_relay_that_never_reported_is_silent_since_its_token(relay: Relay) -> None:
    hear(relay, None)
    assert do_watch_relays(NOON + SILENCE) == 1
    assert "has never reported" in letters()[0].body


def test_staff_hear_that_it_is_back(relay: Relay) -> None:
    do_watch_relays(NOON + SILENCE)
    hear(relay, NOON + SILENCE * 2)
    assert do_watch_relays(NOON + SILENCE * 2) == 1
    assert do_watch_relays(NOON + SILENCE * 2) == 0
    assert len(letters("relay_heard")) == 2


def test_one_that_comes_and_goes_is_told_of_once_an_hour(relay: Relay) -> None:
    at = NOON
    for _time in range(8):
        do_watch_relays(at + SILENCE)
        at += SILENCE * 2
        hear(relay, at)
        do_watch_relays(at)
    assert len(letters()) == 2
    assert len(letters("relay_heard")) == 2
    do_watch_relays(NOON + timedelta(hours=2))
    assert len(letters()) == 4


def test_one_that_falls_silent_again_within_the_hour_and_stays_so_is_told_of_then(
    relay: Relay,
) -> None:
    do_watch_relays(NOON + SILENCE)
    hear(relay, NOON + SILENCE * 2)
    do_watch_relays(NOON + SILENCE * 2)
    assert do_watch_relays(NOON + SILENCE * 4) == 0
    assert do_watch_relays(NOON + timedelta(hours=1, minutes=2)) == 1
    assert len(letters()) == 4


def test_one_that_does_not_count_is_no_alarm(relay: Relay) -> None:
    Relay.objects.update(is_active=False)
    assert do_watch_relays(NOON + SILENCE) == 0
    assert letters() == []


def test_taking_it_out_of_the_count_ends_the_alarm_without_a_word(relay: Relay) -> None:
    do_watch_relays(NOON + SILENCE)
    Relay.objects.update(is_active=False)
    do_watch_relays(NOON + SILENCE)
    assert letters("relay_heard") == []
    relay.refresh_from_db()
    assert relay.silence_told_at is None


def test_the_machines_own_table_is_never_silent() -> None:
    assert Relay.objects.filter(name=LOCAL_RELAY, is_active=True).exists()
    assert do_watch_relays(NOON + timedelta(days=1)) == 0


def test_nobody_is_told_where_nobody_is_named_and_who_is_named_later_is(relay: Relay) -> None:
    ServiceSettings.objects.update(alarm_emails="")
    assert do_watch_relays(NOON + SILENCE) == 0
    assert letters() == []
    ServiceSettings.objects.update(alarm_emails="late@example.edu.tw")
    assert do_watch_relays(NOON + SILENCE) == 1
    assert [letter.recipient for letter in letters()] == ["late@example.edu.tw"]


@pytest.mark.parametrize("text", ["net", "a@example.edu.tw b", "a@example.edu.tw\nnet@"])
def test_a_line_that_is_no_address_is_named(text: str) -> None:
    settings = ServiceSettings.load()
    settings.alarm_emails = text
    with pytest.raises(ValidationError, match=text.rsplit(maxsplit=1)[-1]):
        settings.full_clean()
