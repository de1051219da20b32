"""The third way: a link by e-mail, good once, for one person at one address."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from portal_auth.minting import Member as Person
from tests.whitelist.factories import ADDRESS, make_block, register
from tests.whitelist.notices.mail_server import MailServer
from tests.whitelist.pages.confirming import (
    EMAIL,
    LETTER,
    ask,
    asked_link,
    entries,
    link_in,
    member_of,
    reason_of,
)
from tests.whitelist.pages.member import PAGE, Browser, hidden, state_of, text_of
from tests.whitelist.pages.test_languages import english_in
from tests.whitelist.pages.test_markup import assert_sound
from whitelist.addresses import parse_address
from whitelist.models import AuditRecord, ConfirmationLink, Notice, WhitelistEntry
from whitelist.notices.delivery import do_send_notices
from whitelist.pages.links import LinkGoneError, do_open_by_link

OTHER = "140.114.64.155"
LIFE = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def registered(db: None) -> None:
    register()


@pytest.fixture
def member() -> Browser:
    return member_of()


class TestWholeWay:
    def test_from_the_button_by_real_mail_to_the_entry(self, member: Browser) -> None:
        form = text_of(member.get())
        button = re.search(r'<button type="submit"[^>]*formaction="([^"]+)" formnovalidate>', form)
        assert button is not None
        with MailServer() as server:
            sent = member.post(
                button[1], address=hidden(member.get(), "address"), captcha_1="", letters="on"
            )
            assert (sent.status_code, sent["Location"]) == (303, LETTER)
            page = text_of(member.get(LETTER))
            assert "s***1@example.edu.tw" in page
            assert EMAIL not in page
            assert "12:15" in page
            assert do_send_notices(timezone.now()) == 1
            (letter,) = server.letters
        assert letter["To"] == EMAIL
        assert ADDRESS in letter["Subject"]
        path = link_in(letter.get_content())
        question = member.get(path)
        assert question.status_code == 200
        assert f'<form action="{path}" method="post"' in text_of(question)
        assert entries() == 0
        answer = member.post(path)
        assert (answer.status_code, answer["Location"]) == (303, PAGE)
        entry = WhitelistEntry.objects.get()
        assert entry.address == ADDRESS
        assert entry.requester_subject == "s112062501"
        assert entry.requester_language == "en"
        assert entry.wants_letters
        assert state_of(member.get()) == ("pending", None)

    def test_what_is_kept_of_a_letter_opens_nothing(self, member: Browser) -> None:
        path = asked_link(member)
        token = path.rsplit("/", 1)[1]
        with MailServer():
            do_send_notices(timezone.now())
        notice = Notice.objects.get()
        assert notice.sent_at is not None
        assert token not in notice.body
        assert "/smtp-whitelist/confirm/…" in notice.body
        link = ConfirmationLink.objects.get()
        assert token not in {str(value) for value in vars(link).values()}

    def test_the_letter_is_in_the_language_of_who_asked(self) -> None:
        ask(member_of(language="zh-TW"))
        notice = Notice.objects.get()
        assert english_in(notice.subject + "\n" + notice.body) == []
        assert "Open it on that computer" not in notice.body

    def test_the_audit_tells_of_the_letter_and_of_its_use(self, member: Browser) -> None:
        member.post(asked_link(member))
        told = AuditRecord.objects.order_by("pk").values_list("action", "actor", "address")
        assert list(told) == [
            ("link_sent", "s112062501", ADDRESS),
            ("entry_opened", "s112062501", ADDRESS),
            ("link_used", "s112062501", ADDRESS),
        ]


class TestLink:
    def test_looking_uses_nothing_up(self, member: Browser) -> None:
        path = asked_link(member)
        for _scanner in range(3):
            assert member.get(path).status_code == 200
            assert member.client.head(path).status_code == 200
        assert member.post(path).status_code == 303
        assert entries() == 1

    def test_it_works_once(self, member: Browser) -> None:
        path = asked_link(member)
        member.post(path)
        again = member.post(path)
        assert (again.status_code, again["Location"]) == (303, PAGE), "it is whitelisted already"
        WhitelistEntry.objects.update(ended_at=timezone.now(), end_reason="owner")
        for page in (member.get(path), member.post(path)):
            assert reason_of(page) == (410, "link_gone")
            assert_sound(page)
        assert entries() == 1

    def test_it_works_for_a_quarter_of_an_hour(
        self, member: Browser, clock: time_machine.Traveller
    ) -> None:
        path = asked_link(member)
        clock.shift(LIFE - timedelta(seconds=1))
        assert member.get(path).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert reason_of(member.post(path)) == (410, "link_gone")
        assert entries() == 0

    @pytest.mark.parametrize("token", ["x", "0" * 43, "a-_b" * 60])
    def test_a_made_up_one_is_like_one_that_is_over(self, token: str, member: Browser) -> None:
        assert reason_of(member.post(f"{LETTER}/{token}")) == (410, "link_gone")
        assert entries() == 0

    def test_it_wants_the_token_of_a_page_of_ours(self, member: Browser) -> None:
        path = asked_link(member)
        assert member.client.post(path).status_code == 403
        assert entries() == 0

    def test_at_another_address_it_says_which_it_is_for_and_which_was_seen(
        self, member: Browser
    ) -> None:
        register(OTHER, "lab155.ee.nthu.edu.tw")
        path = asked_link(member)
        elsewhere = member_of(address=OTHER)
        for page in (elsewhere.get(path), elsewhere.post(path)):
            assert reason_of(page) == (403, "link_elsewhere")
            assert f'<strong class="ip">{ADDRESS}</strong>' in text_of(page)
            assert f'<strong class="ip">{OTHER}</strong>' in text_of(page)
            assert_sound(page)
        assert entries() == 0
        assert member.post(path).status_code == 303, "it was not used up there"

    def test_for_another_person_it_opens_nothing_and_tells_nothing(self, member: Browser) -> None:
        path = asked_link(member)
        thief = Browser(person=Person("s2", "student", "校")).sign_in()
        for page in (thief.get(path), thief.post(path)):
            assert reason_of(page) == (403, "link_of_another")
            assert "s112062501" not in text_of(page)
            assert_sound(page)
        assert entries() == 0

    def test_without_a_session_the_portal_comes_first_and_then_it_works(
        self, member: Browser
    ) -> None:
        path = asked_link(member)
        later = Browser(person=member.person)
        assert reason_of(later.get(path)) == (403, "-4")
        assert reason_of(later.post(path)) == (403, "-4")
        assert later.sign_in().get(path).status_code == 200
        assert later.post(path).status_code == 303
        assert entries() == 1

    def test_all_the_rules_are_asked_when_it_is_used_and_it_is_used_up(
        self, member: Browser
    ) -> None:
        path = asked_link(member)
        block = make_block()
        page = member.post(path)
        assert reason_of(page) == (403, "suspended_address")
        assert AuditRecord.objects.filter(action="entry_refused").count() == 1
        block.delete()
        assert reason_of(member.post(path)) == (410, "link_gone")
        assert entries() == 0

    def test_what_opens_it_to_look_is_told_of_a_refusal_first(self, member: Browser) -> None:
        path = asked_link(member)
        make_block()
        assert reason_of(member.get(path)) == (200, "suspended_address")
        assert ConfirmationLink.objects.count() == 1

    @pytest.mark.words
    @pytest.mark.parametrize("language", ["en", "zh-TW"])
    def test_its_pages_are_sound_in_both_languages(self, language: str) -> None:
        browser = member_of(language=language)
        path = asked_link(browser)
        for page in (browser.get(LETTER), browser.get(path), browser.get()):
            assert_sound(page)
            assert state_of(page) == ("apply", None)
            if language != "en":
                assert english_in(text_of(page)) == []

    def test_the_switch_of_the_language_leads_back_to_it(self, member: Browser) -> None:
        for path in (asked_link(member), LETTER):
            assert f'name="next" value="{path}"' in text_of(member.get(path))


@pytest.mark.django_db(transaction=True)
def test_of_eight_threads_with_one_link_one_opens() -> None:
    member = member_of()
    path = asked_link(member)
    token, applicant, at = path.rsplit("/", 1)[1], member.identity, timezone.now()
    barrier = threading.Barrier(8)

    def attempt(_number: int) -> str:
        barrier.wait(timeout=30)
        try:
            do_open_by_link(
                token, applicant=applicant, address=parse_address(ADDRESS), at=at, language="en"
            )
        except LinkGoneError:
            return "gone"
        finally:
            connection.close()
        return "opened"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == ["gone"] * 7 + ["opened"]
    assert entries() == 1
