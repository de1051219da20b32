"""`status.json`: what the page polls, and whoever watches a computer's state."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from tests.whitelist.factories import register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import PAGE, Browser, state_of
from whitelist.entries import do_extend_entry
from whitelist.models import Relay

pytestmark = pytest.mark.django_db
STATUS = PAGE + "status.json"


def status(browser: Browser) -> dict[str, Any]:
    answer = browser.get(STATUS)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert "no-store" in answer["Cache-Control"]
    values: dict[str, Any] = json.loads(answer.content)
    assert set(values) == {"state", "server_now", "expires_at", "effective_at", "relays", "sent"}
    assert set(values["relays"]) == {"total", "installed"}
    return values


def instant(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    assert parsed.utcoffset() == timedelta(0)
    return parsed


def test_without_an_entry_there_are_no_times(member: Browser) -> None:
    values = status(member)
    assert values["state"] == "apply"
    assert (values["expires_at"], values["effective_at"]) == (None, None)
    assert values["relays"] == {"total": 1, "installed": 1}
    assert abs(instant(values["server_now"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_pending_has_an_end_and_no_effect_yet(member: Browser) -> None:
    entry = scenarios.own_entry(member)
    Relay.objects.create(name="mx2", installed_serial=entry.serial)
    values = status(member)
    assert values["state"] == "pending"
    assert instant(values["expires_at"]) == entry.expires_at
    assert values["effective_at"] is None
    assert values["relays"] == {"total": 2, "installed": 1}


def test_active_says_since_when(member: Browser) -> None:
    entry = scenarios.effective_entry(member)
    values = status(member)
    assert values["state"] == "active"
    assert instant(values["effective_at"]) == entry.effective_at


def test_an_extension_is_in_effect_only_when_the_relays_have_it(member: Browser) -> None:
    entry = scenarios.effective_entry(member)
    do_extend_entry(entry, applicant=member.identity, at=timezone.now())
    assert status(member)["effective_at"] is None
    scenarios.relays_follow()
    assert status(member)["effective_at"] is not None


def test_ended_says_when(member: Browser) -> None:
    entry = scenarios.effective_entry(member, ago=timedelta(minutes=70))
    values = status(member)
    assert values["state"] == "ended"
    assert instant(values["expires_at"]) == entry.expires_at


def test_who_is_not_signed_in_is_told_so_in_json(visitor: Browser) -> None:
    answer = visitor.get(STATUS)
    assert answer.status_code == 403
    assert json.loads(answer.content) == {"state": "signed-out"}


def test_polling_does_not_keep_a_session_alive(clock: time_machine.Traveller, db: None) -> None:
    register()
    browser = Browser().sign_in()
    for _ in range(29):
        clock.shift(60)
        assert browser.get(STATUS).status_code == 200
    clock.shift(120)
    assert browser.get(STATUS).status_code == 403
    assert state_of(browser.get()) == ("portal-refused", "-2")


def test_a_real_look_does_keep_it_alive(clock: time_machine.Traveller, db: None) -> None:
    register()
    browser = Browser().sign_in()
    for _ in range(3):
        clock.shift(20 * 60)
        assert browser.get().status_code == 200


def test_it_cannot_be_posted_to(member: Browser) -> None:
    assert member.post(STATUS).status_code == 405
