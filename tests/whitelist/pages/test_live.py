"""The page in a real browser: what is live, and what is there without it."""

from __future__ import annotations

import re

import pytest
import time_machine
from playwright.sync_api import Route, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from tests.real.browser import Browser as Chromium
from tests.whitelist.factories import NOON, register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.desk import Desk, wait_for_state
from tests.whitelist.pages.member import PAGE
from whitelist.models import Relay, SentCount, WhitelistEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_the_page_turns_active_by_itself_when_the_relays_have_it(desk: Desk) -> None:
    scenarios.own_entry(desk.member)
    page = desk.look()
    wait_for_state(page, "pending")
    assert page.get_by_role("button", name="Pause live updates").is_visible()
    scenarios.relays_follow()
    wait_for_state(page, "active")
    announcement = page.get_by_role("status").filter(has_text="You can send now")
    announcement.wait_for(state="attached")


def test_progress_is_shown_while_it_is_pending(desk: Desk) -> None:
    scenarios.effective_entry(desk.member)
    Relay.objects.create(name="mx2")
    Relay.objects.create(name="mx3")
    page = desk.look()
    page.get_by_text("(1 of 3 done)").wait_for()
    serial = WhitelistEntry.objects.get().serial
    Relay.objects.filter(name="mx2").update(installed_serial=serial)
    page.get_by_text("(2 of 3 done)").wait_for()


def test_the_time_left_counts_down_by_the_servers_clock(desk: Desk) -> None:
    scenarios.effective_entry(desk.member)
    timer = desk.look().get_by_role("timer")
    before = timer.inner_text()
    assert re.fullmatch(r"5[89]:\d\d", before)
    expect(timer).not_to_have_text(before)
    assert timer.inner_text() < before


def test_live_updates_can_be_paused_and_resumed(desk: Desk) -> None:
    scenarios.own_entry(desk.member)
    page = desk.look()
    page.get_by_role("button", name="Pause live updates").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    scenarios.relays_follow()
    page.wait_for_timeout(2500)
    assert asked == []
    wait_for_state(page, "pending")
    page.get_by_role("button", name="Resume live updates").click()
    wait_for_state(page, "active")


def test_what_was_sent_follows_without_a_reload(desk: Desk) -> None:
    entry = scenarios.effective_entry(desk.member)
    row = SentCount.objects.create(
        entry=entry, relay=Relay.objects.get(), run="aa", recipients=340, updated_at=NOON
    )
    page = desk.look()
    recipients = page.locator('[data-sent="recipients"]')
    expect(recipients).to_have_text("340")
    page.get_by_role("button", name="Pause live updates").click()
    SentCount.objects.filter(pk=row.pk).update(recipients=341)
    page.get_by_role("button", name="Resume live updates").click()
    expect(recipients).to_have_text("341")


def test_a_session_that_ends_meanwhile_leaves_the_page_standing(desk: Desk) -> None:
    scenarios.own_entry(desk.member)
    page = desk.look()
    desk.context.clear_cookies()
    page.get_by_text("Your sign-in has ended").first.wait_for()
    wait_for_state(page, "pending")


def test_a_poll_that_fails_is_tried_again(desk: Desk) -> None:
    scenarios.own_entry(desk.member)
    page = desk.look()
    failures: list[str] = []

    def fail_twice(route: Route) -> None:
        if len(failures) < 2:
            failures.append(route.request.url)
            route.fulfill(status=502, body="<html>bad gateway</html>")
        else:
            route.continue_()

    page.route("**/status.json", fail_twice)
    scenarios.relays_follow()
    wait_for_state(page, "active")
    assert len(failures) == 2


def test_without_javascript_everything_is_there(
    clean_chromium: Chromium, live_server: LiveServer
) -> None:
    register()
    desk = Desk(clean_chromium, live_server, java_script_enabled=False)
    scenarios.own_entry(desk.member)
    page = desk.look()
    scenarios.relays_follow()
    page.get_by_role("link", name="Refresh status").click()
    wait_for_state(page, "active")
    assert page.get_by_text(re.compile(r"Until 13:0\d:\d\d Taiwan time")).is_visible()
    page.get_by_role("link", name="Remove now").click()
    page.get_by_role("button", name="Remove from whitelist").click()
    wait_for_state(page, "ended")
    desk.context.close()


def test_a_wrong_code_puts_the_reader_at_the_error(desk: Desk) -> None:
    page = desk.look()
    page.get_by_label("Verification code").fill("11111")
    page.keyboard.press("Enter")
    page.get_by_text("There is a problem").wait_for()
    assert page.evaluate("document.activeElement.className") == "errbox"
    assert WhitelistEntry.objects.count() == 0


def test_before_the_session_ends_one_button_stays(
    desk: Desk, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.PORTAL_SESSION_IDLE_SECONDS = 122
    page = desk.look(PAGE + "help")
    dialog = page.get_by_role("dialog", name="Are you still there?")
    dialog.wait_for()
    clock.shift(60)
    dialog.get_by_role("button", name="Stay signed in").click()
    dialog.wait_for(state="hidden")
    clock.shift(100)  # beyond the first end
    assert "Sign out" in desk.look("/").get_by_role("banner").inner_text()


def test_the_whole_page_loads_nothing_from_elsewhere(desk: Desk, live_server: LiveServer) -> None:
    hosts: set[str] = set()
    desk.page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    desk.look()
    desk.look("/")
    assert hosts == {live_server.url.split("/")[2]}
