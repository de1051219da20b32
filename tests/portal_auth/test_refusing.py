"""Who is refused is told why, and what is our own fault refuses nobody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test import Client
from time_machine import Traveller

from portal_auth import sessions
from portal_auth.models import RedeemedTicket
from tests.portal_auth.portal import NOW, TestPortal, write_issuers
from tests.portal_auth.steps import (
    ENTER,
    arrive,
    assert_refused,
    confirm,
    enter,
    sign_in,
    signed_in_as,
)

if TYPE_CHECKING:
    from tests.portal_auth.steps import Answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
SECOND = int(NOW.timestamp())


# Everything is looked at again when it counts


@pytest.mark.parametrize(("seconds", "code"), [(129, None), (131, -1)])
def test_the_ticket_must_still_be_good_when_it_is_confirmed(
    seconds: int, code: int | None, portal: TestPortal, browser: Client, clock: Traveller
) -> None:
    page = arrive(browser, portal.token())
    clock.shift(seconds)
    answer = confirm(browser, page)
    if code is None:
        assert answer.status_code == 303
    else:
        assert_refused(answer, code)
        assert not RedeemedTicket.objects.exists()


def test_a_sign_in_that_grew_too_old_meanwhile_is_refused(
    portal: TestPortal, browser: Client, clock: Traveller
) -> None:
    page = arrive(browser, portal.token(auth_time=SECOND - 1750))
    clock.shift(70)
    assert_refused(confirm(browser, page), -3)


def test_a_key_that_was_withdrawn_meanwhile_is_refused(
    portal: TestPortal, issuers_file: Path, browser: Client
) -> None:
    page = arrive(browser, portal.token())
    write_issuers(issuers_file, TestPortal(keys={"2026-2": Ed25519PrivateKey.generate()}))
    assert_refused(confirm(browser, page), -4)


# Refusals


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iat": SECOND - 200, "exp": SECOND - 100}, -1),
        ({"iat": SECOND + 60, "exp": SECOND + 100}, -1),
        ({"auth_time": SECOND - 2000}, -3),
        ({"aud": "https://other.example"}, -4),
        ({"status": "留職停薪"}, -5),
        ({"role": "student", "status": "畢"}, -5),
        ({"role": "guest"}, -5),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_bad_ticket_is_refused_with_its_code(
    changes: dict[str, Any], code: int, method: str, portal: TestPortal, browser: Client
) -> None:
    assert getattr(Client(), method)(ENTER, {"ticket": portal.token()}).status_code == 303
    answer = getattr(browser, method)(ENTER, {"ticket": portal.token(**changes)})
    assert_refused(answer, code)
    assert "handoff" not in answer.cookies
    assert not RedeemedTicket.objects.exists()


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("path", [ENTER, "/portal/continue", f"{ENTER}?ticket=", f"{ENTER}?x=1"])
def test_nothing_at_all_is_not_from_the_portal(path: str, browser: Client) -> None:
    assert_refused(browser.get(path), -4)


def test_several_tickets_at_once_are_refused(portal: TestPortal, browser: Client) -> None:
    query = urlencode([("ticket", portal.token()), ("ticket", portal.token())])
    assert_refused(browser.get(f"{ENTER}?{query}"), -4)


def test_a_used_ticket_is_told_before_its_person_is_found_not_eligible(
    portal: TestPortal, browser: Client
) -> None:
    token = portal.token()
    sign_in(browser, token)
    # the same number again, for somebody who is not eligible
    assert_refused(enter(Client(), portal.token(status="退休")), -3)


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
@pytest.mark.parametrize("code", [-1, -3, -4, -5])
def test_every_refusal_says_what_happened_what_to_do_and_whom_to_ask(
    code: int, language: str, portal: TestPortal
) -> None:
    changes: dict[int, dict[str, Any]] = {
        -1: {"iat": SECOND - 200, "exp": SECOND - 100},
        -3: {"auth_time": SECOND - 2000},
        -4: {"jti": ""},
        -5: {"role": "student", "status": "休"},
    }
    browser = Client(headers={"accept-language": language})
    answer = enter(browser, portal.token(**changes[code]))
    assert_refused(answer, code)
    text = answer.content.decode()
    assert f'<html lang="{language}">' in text
    assert 'href="https://portal.example/login"' in text
    assert 'href="/smtp-whitelist/help#contact"' in text
    assert "2026" in text
    other = "en" if language == "zh-Hant" else "zh-Hant"
    assert re.search(rf'class="under other" lang="{other}"', text)
    if code == -5:
        assert "休" in text


def test_the_button_leads_to_the_portal_that_the_ticket_came_from(
    portal: TestPortal, issuers_file: Path, browser: Client
) -> None:
    second = TestPortal(iss="https://second.example")
    write_issuers(issuers_file, portal, second)
    page = enter(browser, second.token(status="退休")).content.decode()
    assert 'href="https://second.example/login"' in page
    forged = enter(browser, second.token(jti="")).content.decode()
    assert 'href="https://portal.example/login"' in forged


@pytest.mark.parametrize("role", ["staff", "<script>alert(1)</script>", "\" onload='x'"])
def test_nothing_of_a_ticket_becomes_markup(role: str, portal: TestPortal, browser: Client) -> None:
    token = portal.token(role=role, status="<b>x</b>", name="<img src=x>")
    text = enter(browser, token).content.decode()
    assert "<script>alert" not in text
    assert "<b>x</b>" not in text
    assert "onload='x'" not in text


def test_pages_of_the_entry_hold_no_inline_code(portal: TestPortal, browser: Client) -> None:
    pages: list[Answer] = [browser.get(ENTER), enter(browser, portal.token(status="退休"))]
    enter(browser, portal.token())
    pages += [browser.get("/portal/continue"), browser.get("/portal/signed-out")]
    for page in pages:
        text = page.content.decode()
        assert not re.search(r"<style|style=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
        assert "'self'" in page["Content-Security-Policy"]


# Our own faults are no refusals


def assert_unavailable(answer: Answer) -> None:
    text = answer.content.decode()
    assert answer.status_code == 503
    assert answer["Retry-After"] == "10"
    assert 'data-state="portal-unavailable"' in text
    assert "portal check failed" not in text
    assert "入口檢查錯誤" not in text


def test_unreadable_keys_ask_to_try_again(
    portal: TestPortal, issuers_file: Path, browser: Client
) -> None:
    page = arrive(browser, portal.token())
    good = issuers_file.read_bytes()
    issuers_file.unlink()
    assert_unavailable(enter(Client(), portal.token()))
    assert_unavailable(browser.get("/portal/continue"))
    assert_unavailable(confirm(browser, page))
    assert_unavailable(Client().post(ENTER, {"ticket": "nonsense"}))
    issuers_file.write_bytes(good)
    assert confirm(browser, page).status_code == 303


def test_unreadable_keys_do_not_disturb_who_is_in(
    portal: TestPortal, issuers_file: Path, browser: Client
) -> None:
    sign_in(browser, portal.token())
    issuers_file.write_text("{")
    assert signed_in_as(browser) == "a0012345"


def test_an_unreachable_database_asks_to_try_again(portal: TestPortal, browser: Client) -> None:
    page = arrive(browser, portal.token())

    def down(*_: Any) -> None:
        raise OperationalError("the database is away")

    with connection.execute_wrapper(down):
        for language in ("en", "zh-Hant"):
            visitor = Client(headers={"accept-language": language})
            assert_unavailable(enter(visitor, portal.token()))
        assert_unavailable(browser.get("/portal/continue"))
        assert_unavailable(confirm(browser, page))
    assert confirm(browser, page).status_code == 303


def test_a_session_that_cannot_be_written_leaves_the_ticket_good(
    portal: TestPortal, browser: Client
) -> None:
    page = arrive(browser, portal.token())
    with mock.patch("portal_auth.views.sign_in", side_effect=OperationalError("disk is full")):
        assert_unavailable(confirm(browser, page))
    assert not RedeemedTicket.objects.exists()
    assert confirm(browser, page).status_code == 303
    assert signed_in_as(browser) == "a0012345"


def test_a_session_whose_row_vanishes_meanwhile_leaves_the_ticket_good(
    portal: TestPortal, browser: Client
) -> None:
    page = arrive(browser, portal.token())

    def vanish(*_: Any) -> None:
        Session.objects.all().delete()

    keep = list(Session.objects.all())
    with mock.patch("portal_auth.views.sign_in", sign_in_then(vanish)):
        assert_unavailable(confirm(browser, page))
    assert [row.pk for row in Session.objects.all()] == [row.pk for row in keep]
    assert not RedeemedTicket.objects.exists()


def sign_in_then(what: Any) -> Any:
    def both(*arguments: Any) -> None:
        sessions.sign_in(*arguments)
        what()

    return both
