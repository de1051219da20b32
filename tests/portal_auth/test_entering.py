"""From the portal's link to a signed-in member: what a browser meets on the way."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django.fixtures import Settings
from time_machine import Traveller

from portal_auth.models import RedeemedTicket
from tests.portal_auth.portal import NOW, TestPortal, write_issuers
from tests.portal_auth.steps import (
    ENTER,
    HOME,
    arrive,
    assert_refused,
    confirm,
    enter,
    sign_in,
    signed_in_as,
)

if TYPE_CHECKING:
    pass

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
SECOND = int(NOW.timestamp())


# The straight way


def test_a_ticket_leads_to_the_confirm_page_and_from_there_to_the_home_page(
    portal: TestPortal, browser: Client
) -> None:
    arrival = enter(browser, portal.token())
    assert (arrival.status_code, arrival["Location"]) == (303, "/portal/continue")
    page = browser.get("/portal/continue")
    assert page.status_code == 200
    text = page.content.decode()
    assert 'data-state="portal-confirm"' in text
    for shown in ("王小明", "a0012345", "電機工程學系", "一般", "Staff", "127.0.0.1"):
        assert shown in text
    assert "Your personal data" in text
    done = confirm(browser)
    assert (done.status_code, done["Location"]) == (303, HOME)
    assert signed_in_as(browser) == "a0012345"
    row = RedeemedTicket.objects.get()
    assert (row.subject, row.client_address, row.redeemed_at) == ("a0012345", "127.0.0.1", NOW)


def test_a_ticket_may_be_posted_by_the_portals_own_page(
    portal: TestPortal, browser: Client
) -> None:
    arrival = browser.post(ENTER, {"ticket": portal.token()})
    assert (arrival.status_code, arrival["Location"]) == (303, "/portal/continue")
    assert not RedeemedTicket.objects.exists()
    confirm(browser)
    assert signed_in_as(browser) == "a0012345"


def test_the_confirm_page_speaks_chinese_too(portal: TestPortal, browser: Client) -> None:
    enter(browser, portal.token())
    page = browser.get("/portal/continue", headers={"accept-language": "zh-TW"})
    assert 'lang="zh-Hant"' in page.content.decode()
    assert "校務資訊系統" in page.content.decode()


@pytest.mark.parametrize("method", ["get", "head"])
def test_no_get_uses_a_ticket_up(method: str, portal: TestPortal, browser: Client) -> None:
    token = portal.token()
    for purpose in ("prefetch", "prefetch;prerender", ""):
        scanner = Client(headers={"sec-purpose": purpose})
        for _ in range(2):
            assert getattr(scanner, method)(ENTER, {"ticket": token}).status_code == 303
            assert getattr(scanner, method)("/portal/continue").status_code == 200
    assert not RedeemedTicket.objects.exists()
    sign_in(browser, token)
    assert signed_in_as(browser) == "a0012345"


def test_confirming_needs_the_pages_csrf_token(portal: TestPortal, browser: Client) -> None:
    enter(browser, portal.token())
    assert browser.post("/portal/continue").status_code == 403
    assert not RedeemedTicket.objects.exists()
    assert signed_in_as(browser) is None


def test_the_cookies_of_the_way_in_are_out_of_reach_for_scripts(
    portal: TestPortal, browser: Client
) -> None:
    arrival = enter(browser, portal.token())
    morsel = arrival.cookies["handoff"]
    assert morsel["httponly"]
    assert morsel["samesite"] == "Lax"
    assert morsel["path"] == "/"
    assert portal.token() not in morsel.value


def test_over_https_the_cookie_is_bound_to_this_host(
    portal: TestPortal, browser: Client, settings: Settings
) -> None:
    settings.SESSION_COOKIE_SECURE = True
    morsel = enter(browser, portal.token()).cookies["__Host-handoff"]
    assert morsel["secure"]
    assert morsel["path"] == "/"
    assert not morsel["domain"]


def test_no_answer_of_the_entry_is_stored_by_a_cache(portal: TestPortal, browser: Client) -> None:
    answers = [enter(browser, portal.token()), browser.get("/portal/continue"), browser.get(ENTER)]
    for answer in answers:
        assert "no-store" in answer["Cache-Control"]


def test_the_ticket_is_kept_no_longer_than_it_is_good(
    portal: TestPortal, browser: Client, clock: Traveller
) -> None:
    enter(browser, portal.token())
    row = Session.objects.get()
    assert row.expire_date == NOW + timedelta(seconds=130)
    clock.shift(131)
    assert_refused(browser.get("/portal/continue"), -1)


# One ticket, one sign-in


def test_a_used_ticket_is_refused_in_another_browser(portal: TestPortal, browser: Client) -> None:
    token = portal.token()
    late = Client(headers={"accept-language": "en"})
    arrive(late, token)
    sign_in(browser, token)
    assert_refused(confirm(late), -3)
    assert_refused(enter(Client(), token), -3)
    assert_refused(late.get("/portal/continue"), -3)
    assert RedeemedTicket.objects.count() == 1


def test_a_refused_link_leaves_who_is_in_and_says_so(portal: TestPortal, browser: Client) -> None:
    sign_in(browser, portal.token())
    answer = enter(browser, portal.token(jti="B" * 22, status="退休"))
    assert_refused(answer, -5)
    assert "still signed in as 王小明" in answer.content.decode()
    assert signed_in_as(browser) == "a0012345"


def test_a_browser_that_is_signed_in_with_it_just_goes_on(
    portal: TestPortal, browser: Client
) -> None:
    token = portal.token()
    sign_in(browser, token)
    again = enter(browser, token)
    assert (again.status_code, again["Location"]) == (303, HOME)
    assert RedeemedTicket.objects.count() == 1


def test_pressing_the_button_twice_goes_on_too(portal: TestPortal, browser: Client) -> None:
    page = arrive(browser, portal.token())
    kept = browser.cookies["handoff"].value
    confirm(browser, page)
    for cookie in (kept, ""):
        browser.cookies["handoff"] = cookie
        again = confirm(browser, page)
        assert (again.status_code, again["Location"]) == (303, HOME)
    assert signed_in_as(browser) == "a0012345"


def test_going_back_after_signing_in_leads_home(portal: TestPortal, browser: Client) -> None:
    sign_in(browser, portal.token())
    back = browser.get("/portal/continue")
    assert (back.status_code, back["Location"]) == (303, HOME)


def test_without_a_ticket_a_signed_in_browser_goes_home(
    portal: TestPortal, browser: Client
) -> None:
    sign_in(browser, portal.token())
    bare = browser.get(ENTER)
    assert (bare.status_code, bare["Location"]) == (303, HOME)


def test_the_same_jti_of_another_portal_is_another_ticket(
    portal: TestPortal, issuers_file: Path, browser: Client
) -> None:
    second = TestPortal(iss="https://second.example")
    write_issuers(issuers_file, portal, second)
    sign_in(browser, portal.token())
    other = Client(enforce_csrf_checks=True)
    sign_in(other, second.token())
    assert signed_in_as(other) == "a0012345"
    assert RedeemedTicket.objects.count() == 2


# Another person's ticket


def test_another_persons_ticket_asks_first_and_then_replaces(
    portal: TestPortal, browser: Client
) -> None:
    sign_in(browser, portal.token())
    enter(browser, portal.token(jti="B" * 22, sub="113061501", name="林志豪"))
    page = browser.get("/portal/continue").content.decode()
    assert "signed in as 王小明" in page
    assert "林志豪" in page
    assert signed_in_as(browser) == "a0012345"
    confirm(browser)
    assert signed_in_as(browser) == "113061501"


def test_the_same_persons_next_ticket_asks_without_a_warning(
    portal: TestPortal, browser: Client
) -> None:
    sign_in(browser, portal.token())
    enter(browser, portal.token(jti="B" * 22))
    assert "signed in as" not in browser.get("/portal/continue").content.decode()


def test_a_button_of_one_person_never_signs_in_another(portal: TestPortal, browser: Client) -> None:
    enter(browser, portal.token())
    shown = browser.get("/portal/continue").content.decode()
    enter(browser, portal.token(jti="B" * 22, sub="113061501", name="林志豪"))
    answer = confirm(browser, shown)
    assert answer.status_code == 200
    assert "林志豪" in answer.content.decode()
    assert signed_in_as(browser) is None
    assert not RedeemedTicket.objects.exists()


# What no portal sends


BODIES = {
    "3 MB": ("ticket=" + "x" * 3_000_000, "application/x-www-form-urlencoded"),
    "1500 fields": ("&".join(["ticket=x"] * 1500), "application/x-www-form-urlencoded"),
    "no multipart": ("x", "multipart/form-data; boundary=" + "y" * 300),
    "multipart cut": ("x", "multipart/form-data"),
}


@pytest.mark.parametrize(("body", "kind"), BODIES.values(), ids=BODIES)
def test_a_post_that_cannot_be_read_is_refused_as_a_malformed_ticket(
    body: str, kind: str, portal: TestPortal, browser: Client
) -> None:
    assert_refused(browser.post(ENTER, body, content_type=kind), -4)


def test_a_large_multipart_ticket_is_refused_as_malformed_too(
    portal: TestPortal, browser: Client
) -> None:
    assert_refused(browser.post(ENTER, {"ticket": "x" * 3_000_000}), -4)


def test_a_query_of_too_many_fields_is_refused_as_a_malformed_ticket(
    portal: TestPortal, browser: Client
) -> None:
    assert_refused(browser.get(ENTER + "?" + "&".join(["ticket=x"] * 1500)), -4)


def test_the_confirm_form_is_sent_once_however_often_it_is_clicked(
    portal: TestPortal, browser: Client
) -> None:
    page = arrive(browser, portal.token())
    assert 'action="/portal/continue" method="post" data-once>' in page
