"""The whole of a member's job in a real browser: by keyboard, without scripts, in several tabs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple

import pytest
import time_machine
from captcha.models import CaptchaStore
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.real.browser import Browser as Chromium
from tests.whitelist.factories import ADDRESS, register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.desk import PATIENCE, Desk, wait_for_state
from tests.whitelist.pages.member import PAGE, Browser, ticket_of
from whitelist.models import WhitelistEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

MOST_TABS = 40
FOCUS = """() => {
  const element = document.activeElement, style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const label = element.labels && element.labels[0];
  return {
    text: element.getAttribute('aria-label') || (label || element).innerText || element.outerHTML,
    // The browser itself marks the parts of a player.
    outlined: element.localName === 'audio'
      || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0,
    inView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""


class Focused(NamedTuple):
    text: str
    outlined: bool
    in_view: bool


def focused(page: Page) -> Focused:
    found = page.evaluate(FOCUS)
    return Focused(found["text"].strip(), found["outlined"], found["inView"])


def tab_to(page: Page, name: str) -> None:
    """Press Tab until that element has the focus; each one on the way must be seen to have it."""
    met = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        here = focused(page)
        assert here.outlined, f"no focus is seen on {here.text!r}"
        assert here.in_view, f"{here.text!r} has the focus out of view"
        met.append(here.text)
        if here.text.startswith(name):
            return
    raise AssertionError(f"{name!r} was not met on the way: {met}")


def go_by_keyboard(page: Page, name: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Enter")


def answer_of(page: Page) -> str:
    """What the picture says, which no test can read."""
    key = page.locator("input[name=captcha_0]").input_value()
    answer: str = CaptchaStore.objects.get(hashkey=key).response
    return answer


def newcomer(chromium: Chromium, live_server: LiveServer, **options: object) -> BrowserContext:
    """A browser at the member's computer in which nobody has signed in yet."""
    register()
    context = chromium.context(
        live_server.url,
        extra_http_headers={"X-Forwarded-For": ADDRESS},
        **{"locale": "en-GB", **options},
    )
    context.set_default_timeout(PATIENCE)
    return context


def enter(context: BrowserContext) -> Page:
    """The page to which the portal has sent this browser."""
    page = context.new_page()
    page.goto(f"/portal/enter?ticket={ticket_of(Browser().person)}")
    return page


def test_from_the_portal_to_removal_by_keyboard_alone(
    clean_chromium: Chromium, live_server: LiveServer
) -> None:
    context = newcomer(clean_chromium, live_server)
    page = enter(context)
    go_by_keyboard(page, "Yes, go on")
    page.wait_for_url("**/")
    page.goto(PAGE)
    go_by_keyboard(page, "Skip to main content")
    tab_to(page, "Verification code")
    page.keyboard.type(answer_of(page))
    go_by_keyboard(page, "Add for 60 minutes")
    wait_for_state(page, "pending")
    scenarios.relays_follow()
    wait_for_state(page, "active")
    go_by_keyboard(page, "Remove now")
    page.wait_for_url("**/remove")
    go_by_keyboard(page, "Remove from whitelist")
    wait_for_state(page, "ended")
    context.close()


@pytest.mark.parametrize("language", ["en-GB", "zh-TW"])
def test_from_the_portal_to_removal_without_javascript(
    clean_chromium: Chromium, live_server: LiveServer, language: str
) -> None:
    options = {"java_script_enabled": False, "locale": language}
    context = newcomer(clean_chromium, live_server, **options)
    page = enter(context)
    page.click("[data-confirm]")
    page.goto(PAGE)
    page.fill("input[name=captcha_1]", "11111")
    page.click("main form button.primary")
    assert page.locator("#cap-e").is_visible()
    page.click("main form [name=refresh]")
    page.fill("input[name=captcha_1]", answer_of(page))
    page.click("main form button.primary")
    wait_for_state(page, "pending")
    scenarios.relays_follow()
    page.click("[data-refresh]")
    wait_for_state(page, "active")
    page.click("main a.danger")
    page.click("main form button.danger-solid")
    wait_for_state(page, "ended")
    context.close()


def test_a_second_tab_that_asks_again_is_told_and_changes_nothing(desk: Desk) -> None:
    first, second = desk.look(), desk.context.new_page()
    second.goto(PAGE)
    for page in (second, first):
        page.fill("input[name=captcha_1]", answer_of(page))
        page.click("main form button.primary")
        wait_for_state(page, "pending")
    assert "already whitelisted" in first.inner_text("main")
    assert WhitelistEntry.objects.count() == 1


def test_a_tab_that_shows_an_entry_follows_its_removal_in_another(desk: Desk) -> None:
    scenarios.own_entry(desk.member)  # pending: asked for each second
    first, second = desk.look(), desk.context.new_page()
    second.goto(PAGE + "remove")
    second.click("main form button.danger-solid")
    wait_for_state(second, "ended")
    wait_for_state(first, "ended")


def test_the_back_button_shows_what_is_so_now(desk: Desk) -> None:
    page = desk.look()
    page.fill("input[name=captcha_1]", answer_of(page))
    page.click("main form button.primary")
    wait_for_state(page, "pending")
    page.go_back()
    wait_for_state(page, "pending")
    page.goto(PAGE + "remove")
    page.click("main form button.danger-solid")
    wait_for_state(page, "ended")
    page.go_back()
    wait_for_state(page, "ended")


def test_a_double_click_is_one_request(desk: Desk) -> None:
    page = desk.look()
    page.fill("input[name=captcha_1]", answer_of(page))
    page.dblclick("main form button.primary")
    wait_for_state(page, "pending")
    assert WhitelistEntry.objects.count() == 1
    assert "already" not in page.inner_text("main")


def asleep(page: Page, **span: float) -> None:
    """The computer slept: its wall clock went on, the time of its pages stood still."""
    milliseconds = timedelta(**span) / timedelta(milliseconds=1)
    page.evaluate(f"() => {{ const now = Date.now; Date.now = () => now() + {milliseconds}; }}")


def test_a_computer_that_slept_for_a_moment_counts_on_from_the_right_time(desk: Desk) -> None:
    scenarios.effective_entry(desk.member)
    page = desk.look()
    page.route("**/status.json", lambda route: route.abort())  # its network is not back yet
    asleep(page, minutes=20)
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"3[89]:\d\d"))


def test_a_page_left_open_overnight_does_not_go_on_saying_active(
    desk: Desk, clock: time_machine.Traveller
) -> None:
    scenarios.effective_entry(desk.member)
    page = desk.look()
    wait_for_state(page, "active")
    clock.shift(timedelta(hours=9))
    asleep(page, hours=9)
    page.wait_for_selector('main:not([data-state="active"])')
    assert "Your sign-in link has expired" in page.inner_text("main")
