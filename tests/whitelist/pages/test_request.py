"""Asking for the entry: the code, the rules, one answer for each."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from captcha.models import CaptchaStore
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from tests.whitelist.factories import ADDRESS, make_identity, open_entry, register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import PAGE, Browser, hidden, new_code, state_of, text_of
from whitelist.models import AuditRecord, WhitelistEntry

pytestmark = pytest.mark.django_db
OTHER = "140.114.64.155"


def entries() -> int:
    return WhitelistEntry.objects.count()


class TestSuccess:
    def test_a_good_request_opens_one_entry_and_goes_on_to_the_page(self, member: Browser) -> None:
        answer = member.request()
        assert answer.status_code == 303
        assert answer["Location"] == PAGE
        entry = WhitelistEntry.objects.get()
        assert (entry.address, entry.requester_subject) == (ADDRESS, member.person.subject)
        assert state_of(member.get()) == ("pending", None)

    def test_a_client_that_sends_only_the_code_is_served_too(self, member: Browser) -> None:
        assert member.ask_blindly().status_code == 303
        assert entries() == 1

    @pytest.mark.parametrize(
        "typed", ["２３４５６", " 23456 ", "2 3 4 5 6", "２３ ４５６\u3000"], ids=repr
    )
    def test_digits_of_an_input_method_are_digits(self, typed: str, member: Browser) -> None:
        key, _answer = new_code()
        CaptchaStore.objects.filter(hashkey=key).update(challenge="23456", response="23456")
        assert member.post(captcha_0=key, captcha_1=typed).status_code == 303

    def test_the_same_form_sent_twice_harms_nothing(self, member: Browser) -> None:
        page = member.get()
        form = {name: hidden(page, name) for name in ("captcha_0", "address")}
        answer = CaptchaStore.objects.get(hashkey=form["captcha_0"]).response
        assert member.post(**form, captcha_1=answer).status_code == 303
        again = member.post(**form, captcha_1=answer)
        assert again.status_code == 200
        assert state_of(again) == ("pending", None)
        assert entries() == 1

    def test_asking_again_says_already(self, member: Browser) -> None:
        member.request()
        answer = member.ask_blindly()
        assert answer.status_code == 303
        assert "already whitelisted" in text_of(member.get())
        assert entries() == 1

    def test_an_ipv6_computer_is_served_alike(self, db: None) -> None:
        register("2001:288:e001:64::154", "lab154.ee.nthu.edu.tw")
        browser = Browser(address="2001:288:e001:64::154").sign_in()
        assert browser.request().status_code == 303
        assert WhitelistEntry.objects.get().address == "2001:288:e001:64::154"


class TestCode:
    def test_a_wrong_code_is_answered_by_the_form_with_a_new_picture(self, member: Browser) -> None:
        old = hidden(member.get(), "captcha_0")
        page = member.post(captcha_0=old, captcha_1="11111", address=ADDRESS)
        assert page.status_code == 200
        assert state_of(page) == ("apply", None)
        assert "That code was not correct" in text_of(page)
        assert 'aria-invalid="true"' in text_of(page)
        assert "<title>Error: " in text_of(page)
        assert hidden(page, "captcha_0") != old
        assert entries() == 0

    def test_a_wrong_code_uses_the_picture_up(self, member: Browser) -> None:
        key, answer = new_code()
        member.post(captcha_0=key, captcha_1="11111")
        assert member.post(captcha_0=key, captcha_1=answer).status_code == 200
        assert entries() == 0

    def test_a_right_code_is_used_up_by_a_refused_request(self, member: Browser) -> None:
        scenarios.paused(member)
        key, answer = new_code()
        assert member.post(captcha_0=key, captcha_1=answer).status_code == 403
        scenarios.set_service(paused=False)
        assert member.post(captcha_0=key, captcha_1=answer).status_code == 200
        assert entries() == 0

    def test_no_code_at_all_asks_for_it(self, member: Browser) -> None:
        page = member.post()
        assert page.status_code == 200
        assert "Please type the 5 digits" in text_of(page)

    def test_a_code_expires(self, member: Browser) -> None:
        key, answer = new_code()
        CaptchaStore.objects.update(expiration=timezone.now() - timedelta(seconds=1))
        assert member.post(captcha_0=key, captcha_1=answer).status_code == 200
        assert entries() == 0

    @pytest.mark.parametrize("key", ["", "x" * 41, "no-such-key", "'; --"], ids=repr)
    def test_a_made_up_key_is_a_wrong_code(self, key: str, member: Browser) -> None:
        page = member.post(captcha_0=key, captcha_1="23456")
        assert page.status_code == 200
        assert entries() == 0

    def test_a_new_code_is_given_without_an_error(self, member: Browser) -> None:
        old = hidden(member.get(), "captcha_0")
        page = member.post(captcha_0=old, captcha_1="", refresh="1", address=ADDRESS)
        assert page.status_code == 200
        assert hidden(page, "captcha_0") != old
        assert "errbox" not in text_of(page)
        assert not CaptchaStore.objects.filter(hashkey=old).exists()

    def test_enter_in_the_field_presses_the_request_not_the_new_code(self, member: Browser) -> None:
        form = text_of(member.get()).split('name="captcha_0"')[1]
        first_button = form[form.index("<button") :].split(">", 1)[0]
        assert "refresh" not in first_button


class TestAddress:
    def test_another_address_than_shown_is_never_added_but_asked_for(self, member: Browser) -> None:
        page = member.request(address=OTHER)
        assert page.status_code == 200
        assert state_of(page) == ("apply", None)
        text = text_of(page)
        assert OTHER in text
        assert f'<strong class="ip">{ADDRESS}</strong>' in text
        assert hidden(page, "address") == ADDRESS
        assert entries() == 0

    @pytest.mark.parametrize("sent", ["<b>x</b>", "140.114.64.154 ", "１４０.1.1.1", "9" * 60])
    def test_an_address_that_is_none_is_not_repeated(self, sent: str, member: Browser) -> None:
        page = member.request(address=sent)
        if sent.strip() == ADDRESS:  # forms strip white space
            assert page.status_code == 303
            return
        assert page.status_code == 200
        assert "Your IP address has changed" in text_of(page)
        assert sent not in text_of(page)
        assert entries() == 0

    def test_the_form_of_the_old_place_adds_nothing_after_a_move(self, member: Browser) -> None:
        page = member.get()
        form = {name: hidden(page, name) for name in ("captcha_0", "address")}
        answer = CaptchaStore.objects.get(hashkey=form["captcha_0"]).response
        register(OTHER, "lab155.ee.nthu.edu.tw")
        member.move_to(OTHER)
        assert member.post(**form, captcha_1=answer).status_code == 403  # the session is bound
        member.sign_in()
        page = member.post(**form, captcha_1=answer)
        assert page.status_code == 200
        assert f'<strong class="ip">{OTHER}</strong>' in text_of(page)
        assert entries() == 0


class TestProtection:
    def test_without_a_csrf_token_nothing_happens(self, member: Browser) -> None:
        key, answer = new_code()
        page = member.client.post(PAGE, {"captcha_0": key, "captcha_1": answer})
        assert page.status_code == 403
        assert "This form is too old" in text_of(page)
        assert entries() == 0
        assert member.post(captcha_0=key, captcha_1=answer).status_code == 303

    def test_without_a_session_nothing_happens(self, visitor: Browser) -> None:
        register()
        assert visitor.ask_blindly().status_code == 403
        assert entries() == 0

    @pytest.mark.parametrize("method", ["put", "patch", "delete"])
    def test_other_methods_are_405(self, method: str, member: Browser) -> None:
        token = member.client.cookies["csrf"].value
        answer = getattr(member.client, method)(PAGE, headers={"x-csrftoken": token})
        assert answer.status_code == 405

    def test_a_look_changes_nothing(self, member: Browser) -> None:
        key, answer = new_code()
        member.get(captcha_0=key, captcha_1=answer)
        assert entries() == 0

    def test_a_refusal_is_audited(self, member: Browser) -> None:
        open_entry(applicant=make_identity("somebody-else"))
        page = member.ask_blindly()
        assert state_of(page) == ("refused", "address_in_use")
        record = AuditRecord.objects.filter(action="entry_refused").get()
        assert (record.actor, record.reason) == (member.person.subject, "address_in_use")

    def test_somebody_elses_entry_gives_no_name_away(self, member: Browser) -> None:
        scenarios.address_in_use(member)
        text = text_of(member.get())
        assert "陳大文" not in text
        assert "somebody-else" not in text


@pytest.mark.django_db(transaction=True)
def test_eight_threads_with_one_code_have_one_success() -> None:
    register()
    browsers = [Browser().sign_in() for _ in range(8)]
    key, answer = new_code()
    barrier = threading.Barrier(len(browsers))

    def ask(browser: Browser) -> int:
        barrier.wait(timeout=30)
        try:
            return browser.post(captcha_0=key, captcha_1=answer).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(browsers)) as pool:
        codes = list(pool.map(ask, browsers))
    assert sorted(codes) == [200] * 7 + [303]
    assert entries() == 1


@pytest.mark.django_db(transaction=True)
def test_eight_persons_at_one_address_get_one_entry() -> None:
    register()
    browsers = [Browser().sign_in() for _ in range(8)]
    for number, browser in enumerate(browsers):
        browser.person = type(browser.person)(f"s{number}", "student", "校")
        browser.sign_in()
    barrier = threading.Barrier(len(browsers))
    codes = [new_code() for _ in browsers]

    def ask(browser: Browser, code: tuple[str, str]) -> int:
        barrier.wait(timeout=30)
        try:
            return browser.post(captcha_0=code[0], captcha_1=code[1]).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(browsers)) as pool:
        statuses = list(pool.map(ask, browsers, codes))
    assert sorted(statuses) == [303] + [403] * 7
    assert entries() == 1


def test_signing_out_ends_it(member: Browser) -> None:
    member.post(reverse("portal_auth:leave"))
    assert member.ask_blindly().status_code == 403
    assert entries() == 0
