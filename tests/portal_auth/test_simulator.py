"""The stand-in portal: everybody can be somebody, and every refusal can be seen."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from django.test import Client
from time_machine import Traveller

from portal_auth.models import RedeemedTicket
from portal_auth.simulator.people import PEOPLE
from tests.portal_auth.portal import NOW
from tests.portal_auth.steps import CONTINUE, assert_refused, confirm, signed_in_as

if TYPE_CHECKING:
    from tests.portal_auth.steps import Answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
SIMULATOR = "/portal-simulator/"


def text_of(answer: Answer) -> str:
    return str(answer.content.decode())


def link(page: str, attribute: str) -> str:
    """The address of the link that carries the attribute."""
    (tag,) = (tag for tag in re.findall(r"<a [^>]*>", page) if re.search(rf" {attribute}[ >]", tag))
    (address,) = re.findall(r'href="([^"]*)"', tag)
    return html.unescape(str(address))


def menu_of(browser: Client, person: str) -> str:
    """Sign in to the simulated portal; the page with its menu."""
    answer = browser.get(f"{SIMULATOR}sign-in", {"person": person}, follow=True)
    assert answer.status_code == 200
    return text_of(answer)


def network_page(browser: Client, person: str) -> str:
    return text_of(browser.get(link(menu_of(browser, person), 'data-item="network"')))


def refusals_page(browser: Client, person: str) -> str:
    return text_of(browser.get(link(menu_of(browser, person), 'data-item="refusals"')))


def test_the_first_page_offers_everybody() -> None:
    page = text_of(Client().get(SIMULATOR))
    offered = re.findall(r'<button type="submit" name="person" value="(\w+)"', page)
    assert offered == list(PEOPLE)
    assert "模擬的校務資訊系統" in page


@pytest.mark.parametrize("slug", [slug for slug, one in PEOPLE.items() if one.admitted])
def test_who_is_eligible_walks_through_to_the_service(slug: str, browser: Client) -> None:
    menu = menu_of(browser, slug)
    assert "計通中心相關服務" in menu
    page = network_page(browser, slug)
    assert "登入網路系統組線上服務" in page
    arrival = browser.get(link(page, "data-enter"))
    assert (arrival.status_code, arrival["Location"]) == (303, CONTINUE)
    confirm(browser)
    assert signed_in_as(browser) == PEOPLE[slug].member.subject


@pytest.mark.parametrize("slug", [slug for slug, one in PEOPLE.items() if not one.admitted])
def test_who_is_not_eligible_is_refused_by_the_service(slug: str, browser: Client) -> None:
    page = network_page(browser, slug)
    assert_refused(browser.get(link(page, "data-enter")), -5)


def test_the_link_also_goes_by_post(browser: Client) -> None:
    page = network_page(browser, "lin")
    (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page)
    (action,) = re.findall(
        r'<form action="([^"]+)" method="post"><input type="hidden" name="t', page
    )
    assert browser.post(action, {"ticket": ticket}).status_code == 303
    confirm(browser)
    assert signed_in_as(browser) == "113061501"


def test_the_link_is_good_for_two_minutes_and_says_until_when(
    browser: Client, clock: Traveller
) -> None:
    page = network_page(browser, "wang")
    assert "16:24:08" in page  # NOW is 16:22:08 in Taiwan
    clock.shift(119)
    assert Client().get(link(page, "data-enter")).status_code == 303
    clock.shift(12)
    assert_refused(browser.get(link(page, "data-enter")), -1)


def test_choosing_the_item_again_gives_a_fresh_link(browser: Client, clock: Traveller) -> None:
    menu = menu_of(browser, "wang")
    clock.move_to(NOW + timedelta(minutes=29))
    page = text_of(browser.get(link(menu, 'data-item="network"')))
    assert browser.get(link(page, "data-enter")).status_code == 303


def test_a_sign_in_at_the_portal_grows_too_old(browser: Client, clock: Traveller) -> None:
    menu = menu_of(browser, "wang")
    clock.move_to(NOW + timedelta(minutes=31))
    page = text_of(browser.get(link(menu, 'data-item="network"')))
    assert_refused(browser.get(link(page, "data-enter")), -3)


@pytest.mark.parametrize(
    ("slug", "code"),
    [
        ("expired", -1),
        ("early", -1),
        ("old-sign-in", -3),
        ("tampered", -4),
        ("malformed", -4),
        ("not-eligible", -5),
    ],
)
def test_each_refusal_of_a_ticket_can_be_made_to_happen(
    slug: str, code: int, browser: Client
) -> None:
    page = refusals_page(browser, "wang")
    address = link(page, f'data-refusal="{slug}"')
    assert f'data-refusal="{slug}" data-code="{code}"' in page
    assert_refused(browser.get(address), code)


def pressed(browser: Client, page: str, refusal: str) -> Answer:
    """Press the button of one of the page's forms."""
    forms = re.findall(r'<form action="([^"]+)" method="post">(.*?)</form>', page, re.DOTALL)
    ((action, inside),) = (form for form in forms if f'data-refusal="{refusal}"' in form[1])
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', inside))
    return browser.post(action, fields, follow=True)


def test_a_used_ticket_can_be_made_to_happen(browser: Client) -> None:
    page = refusals_page(browser, "wang")
    assert not RedeemedTicket.objects.exists()
    assert_refused(pressed(browser, page, "used"), -3)


@pytest.mark.parametrize("came_in", [True, False])
def test_a_session_that_idled_too_long_can_be_made_to_happen(
    came_in: bool, browser: Client
) -> None:
    if came_in:
        browser.get(link(network_page(browser, "wang"), "data-enter"))
        confirm(browser)
    page = refusals_page(browser, "wang")
    assert_refused(pressed(browser, page, "idle"), -2)


def test_its_own_posts_need_a_csrf_token(browser: Client) -> None:
    for path in ("used-ticket", "age-session"):
        answer = browser.post(f"{SIMULATOR}{path}", {"person": "wang", "since": "1"})
        assert answer.status_code == 403
        assert browser.get(f"{SIMULATOR}{path}").status_code == 405


@pytest.mark.parametrize(
    "query",
    ["", "person=nobody&since=1", "person=wang", "person=wang&since=x", "person=wang&since=-1",
     "person=wang&since=１", "person=wang&since=999999999999"],
)  # fmt: skip
def test_an_unknown_visit_is_not_found(query: str, browser: Client) -> None:
    assert browser.get(f"{SIMULATOR}menu?person=wang&since=1").status_code == 200
    assert browser.get(f"{SIMULATOR}menu?{query}").status_code == 404


def test_it_keeps_nothing_in_the_browser(browser: Client) -> None:
    network_page(browser, "wang")
    assert not browser.cookies


def test_its_pages_hold_no_inline_code(browser: Client) -> None:
    pages = [
        text_of(browser.get(SIMULATOR)),
        menu_of(browser, "maria"),
        network_page(browser, "noname"),
        refusals_page(browser, "wang"),
    ]
    for page in pages:
        assert not re.search(r"<style|style=|\son[a-z]+=|<script", page)


def test_every_path_of_it_is_on_this_service(browser: Client) -> None:
    page = network_page(browser, "wang") + refusals_page(browser, "wang")
    for address in re.findall(r'(?:href|action|src)="([^"]*)"', page):
        assert not urlsplit(html.unescape(address)).netloc
