"""A member sees how many relays have their entry, as the relays themselves report it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from pytest_django.fixtures import Settings

from tests.whitelist.factories import NOON, register
from tests.whitelist.pages.member import PAGE, Browser, state_of, text_of
from tests.whitelist.pages.scenarios import own_entry
from tests.whitelist.relay_map.asking import Asker
from whitelist.models import Relay

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def plain_static_files(settings: Settings) -> None:
    """Names without a digest: the manifest is made by collectstatic, which no test runs."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def relays(noon: time_machine.Traveller, db: None) -> tuple[Asker, Asker]:
    """Two, and a site without a table of its own."""
    Relay.objects.update(is_active=False)
    return Asker("mx1"), Asker("mx2")


@pytest.fixture
def member(relays: tuple[Asker, Asker]) -> Browser:
    register()
    browser = Browser().sign_in()
    own_entry(browser)
    return browser


def progress(member: Browser) -> dict[str, int]:
    found: dict[str, int] = json.loads(member.get(PAGE + "status.json").content)["relays"]
    return found


def test_one_of_two_is_shown_as_such_and_both_make_it_active(
    member: Browser, relays: tuple[Asker, Asker]
) -> None:
    assert progress(member) == {"total": 2, "installed": 0}
    relays[0].report(serial=1)
    page = member.get()
    assert state_of(page) == ("pending", None)
    assert "1 of 2 done" in text_of(page)
    assert progress(member) == {"total": 2, "installed": 1}
    relays[1].report(serial=1)
    assert state_of(member.get()) == ("active", None)


def test_after_two_minutes_with_one_of_two_it_is_called_slow(
    member: Browser, relays: tuple[Asker, Asker], noon: time_machine.Traveller
) -> None:
    relays[0].report(serial=1)
    assert "Slower than usual" not in text_of(member.get())
    noon.move_to(NOON + 2 * MINUTE + timedelta(seconds=1))
    text = text_of(member.get())
    assert "Slower than usual" in text
    assert "1 of 2 done" in text


def test_a_late_report_takes_nothing_back(member: Browser, relays: tuple[Asker, Asker]) -> None:
    for relay in relays:
        relay.report(serial=1)
    assert state_of(member.get()) == ("active", None)
    relays[0].report(serial=0)
    assert state_of(member.get()) == ("active", None)
