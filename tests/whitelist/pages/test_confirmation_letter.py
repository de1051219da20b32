"""Asking for the letter with a confirmation link: who gets one, how many, and in time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.utils import timezone

from portal_auth.minting import Member as Person
from tests.whitelist.factories import ADDRESS, NOON, register
from tests.whitelist.notices.mail_server import MailServer
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.confirming import (
    LETTER,
    ask,
    asked_link,
    member_of,
    reason_of,
)
from tests.whitelist.pages.member import PAGE, Browser, state_of, text_of
from tests.whitelist.pages.test_markup import assert_sound
from whitelist.addresses import parse_address
from whitelist.models import ConfirmationLink, Notice, WhitelistEntry
from whitelist.notices.delivery import do_forget_notices, do_send_notices
from whitelist.pages.links import TooManyLinksError, do_send_link

OTHER = "140.114.64.155"
LIFE = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def registered(db: None) -> None:
    register()


@pytest.fixture
def member() -> Browser:
    return member_of()


class TestButton:
    def test_it_is_not_there_where_no_e_mail_address_is_known(self) -> None:
        browser = Browser().sign_in()
        assert "formaction" not in text_of(browser.get())
        assert (ask(browser).status_code, Notice.objects.count()) == (303, 0)

    def test_it_wants_the_token_of_a_page_of_ours(self, member: Browser) -> None:
        answer = member.client.post(LETTER, {"address": ADDRESS})
        assert (answer.status_code, Notice.objects.count()) == (403, 0)

    def test_two_clicks_are_one_letter(self, member: Browser) -> None:
        assert [ask(member).status_code, ask(member).status_code] == [303, 303]
        assert Notice.objects.count() == 1

    def test_an_address_that_changed_is_shown_and_nothing_is_sent(self, member: Browser) -> None:
        page = ask(member, address=OTHER)
        assert "Your IP address has changed" in text_of(page)
        assert Notice.objects.count() == 0

    def test_three_letters_an_hour_and_then_the_page_says_when(
        self, member: Browser, clock: time_machine.Traveller
    ) -> None:
        for _time in range(settings.CONFIRMATION_LINKS_PER_HOUR):
            member.post(asked_link(member))  # a link that was used was a letter, too
            WhitelistEntry.objects.update(ended_at=timezone.now(), end_reason="owner")
            clock.shift(timedelta(minutes=1))
        page = ask(member)
        assert reason_of(page) == (429, "link_too_many")
        assert "13:00:00" in text_of(page)
        assert_sound(page)
        assert Notice.objects.count() == 3
        ask(member_of(person=Person("s1", "student", "校", email="s1@example.edu.tw")))
        assert Notice.objects.count() == 4, "another person has letters of their own"
        clock.move_to(NOON + timedelta(hours=1))
        assert ask(member_of()).status_code == 303
        assert Notice.objects.count() == 5

    @pytest.mark.parametrize(
        "scenario", [scenarios.suspended_address, scenarios.paused], ids=scenarios.name_of
    )
    def test_who_is_refused_gets_the_refusal_and_no_letter(
        self, scenario: scenarios.Scenario, member: Browser
    ) -> None:
        scenario(member)
        page = ask(member)
        assert page.status_code == 403
        assert state_of(page) == scenarios.REFUSALS[scenario]
        assert Notice.objects.count() == 0

    def test_who_is_whitelisted_already_gets_the_page(self, member: Browser) -> None:
        scenarios.active(member)
        answer = ask(member)
        assert (answer.status_code, answer["Location"]) == (303, PAGE)
        assert Notice.objects.count() == 0

    def test_without_a_letter_on_its_way_no_page_says_that_there_is_one(
        self, member: Browser, clock: time_machine.Traveller
    ) -> None:
        assert member.get(LETTER)["Location"] == PAGE
        asked_link(member)
        assert member.get(LETTER).status_code == 200
        clock.shift(LIFE)
        assert member.get(LETTER)["Location"] == PAGE


class TestLetter:
    def test_one_that_comes_too_late_is_not_delivered(self, member: Browser) -> None:
        path = asked_link(member)
        with MailServer() as server:
            assert do_send_notices(timezone.now() + LIFE) == 0
        assert server.letters == []
        notice = Notice.objects.get()
        assert notice.given_up_at is not None
        assert path not in notice.body

    def test_a_link_that_is_over_is_cleaned_up_and_one_that_is_good_stays(
        self, member: Browser
    ) -> None:
        asked_link(member)
        do_forget_notices(timezone.now())
        assert ConfirmationLink.objects.count() == 1
        do_forget_notices(timezone.now() + LIFE)
        assert ConfirmationLink.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_of_eight_wishes_at_once_no_more_letters_come_than_one_may_have() -> None:
    applicant, at = member_of().identity, timezone.now()
    barrier = threading.Barrier(8)

    def wish(number: int) -> bool:
        barrier.wait(timeout=30)
        try:
            do_send_link(
                applicant=applicant,
                address=parse_address(f"140.114.64.{number + 1}"),
                at=at,
                language="en",
            )
        except TooManyLinksError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(wish, range(8))) == settings.CONFIRMATION_LINKS_PER_HOUR
    assert Notice.objects.count() == settings.CONFIRMATION_LINKS_PER_HOUR
