"""The one page shows the state that the rules and the relays say."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.whitelist.factories import make_block, make_identity, open_entry, register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import PAGE, Browser, state_of, text_of
from tests.whitelist.pages.scenarios import ALL, REFUSALS, STATES, Scenario, name_of, set_service
from whitelist.audit import SYSTEM
from whitelist.entries import do_end_entry, do_extend_entry
from whitelist.models import Relay
from whitelist.models.entry import EndReason

pytestmark = pytest.mark.django_db
LANGUAGES = ["en", "zh-tw"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("scenario", "expected"), ALL.items(), ids=name_of)
def test_a_look_at_any_state_is_200_and_names_it(
    scenario: Scenario, expected: tuple[str, str | None], language: str
) -> None:
    browser = Browser(language=language).sign_in()
    scenario(browser)
    page = browser.get()
    assert page.status_code == 200
    assert state_of(page) == expected
    assert f'<html lang="{"en" if language == "en" else "zh-Hant"}">' in text_of(page)


@pytest.mark.parametrize(("scenario", "expected"), ALL.items(), ids=name_of)
def test_the_status_names_the_same_state_as_the_page(
    scenario: Scenario, expected: tuple[str, str | None], visitor: Browser
) -> None:
    visitor.sign_in()
    scenario(visitor)
    assert json.loads(visitor.get(PAGE + "status.json").content)["state"] == expected[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("scenario", "expected"), REFUSALS.items(), ids=name_of)
def test_a_refused_request_is_403_and_for_the_quota_429(
    scenario: Scenario, expected: tuple[str, str], language: str
) -> None:
    browser = Browser(language=language).sign_in()
    scenario(browser)
    page = browser.ask_blindly()
    assert page.status_code == (429 if expected[1] == "quota" else 403)
    assert state_of(page) == expected


@pytest.mark.parametrize("scenario", STATES, ids=name_of)
def test_a_page_costs_few_queries(scenario: Scenario, visitor: Browser) -> None:
    visitor.sign_in()
    scenario(visitor)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        visitor.get()
    assert len(queries) <= 15, [query["sql"] for query in queries]


def test_nobody_is_shown_anything_without_the_portal(visitor: Browser) -> None:
    page = visitor.get()
    assert page.status_code == 403
    assert state_of(page) == ("portal-refused", "-4")


class TestPending:
    def test_success_is_not_claimed_before_every_relay_has_it(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        Relay.objects.create(name="mx2")
        page = member.get()
        assert state_of(page) == ("pending", None)
        assert "1 of 2 done" in text_of(page)

    def test_without_a_relay_nothing_is_active(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        Relay.objects.update(is_active=False)
        assert state_of(member.get()) == ("pending", None)

    def test_a_relay_that_does_not_count_is_not_waited_for(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        Relay.objects.create(name="spare", is_active=False)
        assert state_of(member.get()) == ("active", None)

    def test_after_two_minutes_the_page_says_that_it_is_slow(self, member: Browser) -> None:
        scenarios.own_entry(member, ago=timedelta(minutes=1, seconds=50))
        assert "Slower than usual" not in text_of(member.get())
        register("140.114.64.155", "lab155.ee.nthu.edu.tw")
        other = Browser(address="140.114.64.155").sign_in()
        scenarios.own_entry(other, ago=timedelta(minutes=2, seconds=10))
        assert "Slower than usual" in text_of(other.get())

    def test_an_extension_is_applied_like_a_request_and_called_by_its_name(
        self, member: Browser
    ) -> None:
        entry = scenarios.effective_entry(member, ago=timedelta(minutes=55))
        do_extend_entry(entry, applicant=member.identity, at=timezone.now())
        page = member.get()
        assert state_of(page) == ("pending", None)
        assert "Extension recorded" in text_of(page)
        assert "Slower than usual" not in text_of(page)


class TestActive:
    def test_the_page_says_until_when(self, clock: time_machine.Traveller, db: None) -> None:
        register()
        browser = Browser().sign_in()
        scenarios.effective_entry(browser)
        text = text_of(browser.get())
        assert "Until 12:59:30 Taiwan time (UTC+8)" in text
        assert "59 min" in text

    def test_an_own_entry_is_shown_also_while_the_service_is_paused(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        set_service(paused=True)
        assert state_of(member.get()) == ("active", None)

    def test_an_own_entry_is_shown_also_when_the_quota_is_used_up(self, member: Browser) -> None:
        set_service(requests_per_day=1)
        scenarios.effective_entry(member)
        assert state_of(member.get()) == ("active", None)

    def test_the_same_person_at_another_computer_does_not_see_it(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        register("140.114.64.155", "lab155.ee.nthu.edu.tw")
        other = Browser(address="140.114.64.155").sign_in()
        assert state_of(other.get()) == ("apply", None)


class TestEnding:
    def test_it_begins_when_extending_becomes_possible(self, member: Browser) -> None:
        set_service(extend_within_minutes=20)
        scenarios.effective_entry(member, ago=timedelta(minutes=39))
        assert state_of(member.get()) == ("active", None)
        set_service(extend_within_minutes=22)
        assert state_of(member.get()) == ("ending", None)

    def test_it_offers_one_full_term_from_now_and_says_what_that_costs(
        self, member: Browser
    ) -> None:
        scenarios.ending(member)
        text = text_of(member.get())
        assert "Extend to 60 minutes from now" in text
        assert "It counts as request 2 of 5 today." in text

    def test_it_offers_no_extension_that_would_be_refused(self, member: Browser) -> None:
        set_service(requests_per_day=1)
        scenarios.ending(member)
        text = text_of(member.get())
        assert "Extend to" not in text
        assert "requests are used up" in text


class TestEnded:
    def test_the_request_form_is_on_the_same_page(self, member: Browser) -> None:
        scenarios.ended(member)
        assert 'name="captcha_1"' in text_of(member.get())

    def test_it_is_shown_for_an_hour(self, member: Browser) -> None:
        scenarios.effective_entry(member, ago=timedelta(minutes=119))
        assert state_of(member.get()) == ("ended", None)
        with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
            assert state_of(member.get()) == ("apply", None)

    def test_a_removal_is_not_called_done_before_the_relays_know(self, member: Browser) -> None:
        entry = scenarios.effective_entry(member)
        do_end_entry(entry, actor=SYSTEM, reason=EndReason.OWNER, at=timezone.now())
        assert "The sending limit is coming back" in text_of(member.get())
        scenarios.relays_follow()
        text = text_of(member.get())
        assert "The sending limit is back on" in text
        assert "You removed this computer" in text

    @pytest.mark.parametrize(
        ("reason", "words"),
        [
            (EndReason.STAFF, "Staff ended"),
            (EndReason.REGISTRATION_LOST, "no longer registered"),
            (EndReason.ELIGIBILITY_LOST, "no longer eligible"),
        ],
    )
    def test_it_says_why_it_ended_early(
        self, reason: EndReason, words: str, member: Browser
    ) -> None:
        entry = scenarios.effective_entry(member)
        do_end_entry(entry, actor=SYSTEM, reason=reason, at=timezone.now(), note="inside only")
        text = text_of(member.get())
        assert words in text
        assert "inside only" not in text

    def test_a_refusal_comes_before_what_has_ended(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        make_block()
        assert state_of(member.get()) == ("refused", "suspended_address")

    def test_somebody_elses_ended_entry_is_not_shown(self, member: Browser) -> None:
        open_entry(applicant=make_identity("other"), at=timezone.now() - timedelta(minutes=70))
        assert state_of(member.get()) == ("apply", None)
