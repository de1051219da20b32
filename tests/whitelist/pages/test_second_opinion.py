"""A look at a refusal has the name servers asked, and the next look says what they said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.whitelist.factories import ADDRESS
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import Browser, text_of
from tests.whitelist.pages.scenarios import REFUSALS, Scenario, answer, name_of, page_of
from whitelist.models import LiveAnswer
from whitelist.models.registration import LiveVerdict

pytestmark = pytest.mark.django_db

ASKING = "We are asking the name servers themselves; look again in a few seconds."
ASKED_FOR = {
    scenarios.no_name,
    scenarios.needs_forward,
    scenarios.needs_reverse,
    scenarios.malformed,
}


@pytest.mark.parametrize("scenario", [*REFUSALS, scenarios.apply], ids=name_of)
def test_they_are_asked_where_something_is_missing_and_nowhere_else(scenario: Scenario) -> None:
    before = timezone.now()
    page = page_of(scenario)
    asked = LiveAnswer.objects.filter(verdict=LiveVerdict.ASKED)
    assert asked.exists() == (scenario in ASKED_FOR) == (ASKING in page)
    for row in asked:
        assert row.address == ADDRESS
        assert row.asked_at >= before


def test_they_are_asked_once_however_often_the_page_is_looked_at() -> None:
    browser = Browser().sign_in()
    scenarios.no_name(browser)
    assert ASKING in text_of(browser.get())
    [row] = LiveAnswer.objects.all()
    assert ASKING in text_of(browser.get())
    assert LiveAnswer.objects.get().asked_at == row.asked_at


def test_a_request_does_not_have_them_asked() -> None:
    browser = Browser().sign_in()
    scenarios.no_name(browser)
    refused = browser.ask_blindly()
    assert refused.status_code == 403
    assert not LiveAnswer.objects.exists()
    assert "Name servers" not in text_of(refused)


def test_nobody_has_them_asked_who_has_not_signed_in() -> None:
    browser = Browser()
    scenarios.no_name(browser)
    assert browser.get().status_code == 403
    browser.get("/smtp-whitelist/status.json")
    assert not LiveAnswer.objects.exists()


@pytest.mark.parametrize(
    ("verdict", "ago", "words"),
    [
        (LiveVerdict.ASKED, 5, ASKING),
        (LiveVerdict.ASKED, 60, "The name servers themselves could not be asked."),
        (LiveVerdict.UNKNOWN, 5, "The name servers themselves could not be asked."),
        (LiveVerdict.UNREGISTERED, 5, "the name servers themselves do not have it either."),
    ],
)
def test_what_they_said_is_told_in_words(verdict: LiveVerdict, ago: int, words: str) -> None:
    answer(verdict, ago=timedelta(seconds=ago))
    page = page_of(scenarios.no_name)
    assert words in page
    assert '<a href="/smtp-whitelist/">Look again</a>' in page
    assert 'data-reason="no_name"' in page


def test_what_they_have_already_wants_a_moment_and_no_mail() -> None:
    answer(LiveVerdict.REGISTERED, ago=timedelta(seconds=5))
    page = page_of(scenarios.no_name)
    assert "We are reading their zones again; look again in a few" in page
    assert '<a class="btn primary" href="/smtp-whitelist/">Look again</a>' in page
    assert 'class="btn second" href="mailto:' in page


def test_an_old_answer_is_asked_for_again() -> None:
    answer(LiveVerdict.UNREGISTERED, ago=timedelta(minutes=6))
    assert ASKING in page_of(scenarios.no_name)
