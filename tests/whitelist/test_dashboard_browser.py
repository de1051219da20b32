"""The script of the dashboard in a real browser: it refreshes, stops, and says where it cannot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from tests.real.browser import Browser
from tests.whitelist.admin.staff import signed_in
from whitelist.models import ServiceSettings

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

STORAGE = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture
def page(
    live_server: LiveServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Page]:
    """The dashboard, its clock in the test's hands."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": STORAGE}}
    settings.BASE_URL = live_server.url
    cookie = signed_in(User.objects.create_superuser("chief")).cookies["session"].value
    with Browser() as browser:
        context = browser.context(live_server.url, locale="en-US")
        context.add_cookies([{"name": "session", "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.clock.install()
        page.goto(reverse("admin:index"))
        yield page
        assert browser.complaints == []


def test_it_refreshes_by_itself_until_it_is_stopped_and_says_that_one_is_signed_out(
    page: Page,
) -> None:
    paused = page.locator(".attention a", has_text="The service is paused")
    link = page.locator("#dashboard .fact a").first
    page.click("#requests-numbers summary")
    link.focus()
    expect(paused).to_have_count(0)

    ServiceSettings.objects.update(paused=True)
    page.clock.run_for(31_000)
    expect(paused).to_have_count(1)
    expect(page.locator("#requests-numbers")).to_have_attribute("open", "")
    expect(link).to_be_focused()

    page.click("text=Stop refreshing")
    ServiceSettings.objects.update(paused=False)
    page.clock.run_for(120_000)
    expect(paused).to_have_count(1)
    page.click("[data-refresh]")
    expect(paused).to_have_count(0)

    page.context.clear_cookies()
    page.click("[data-refresh]")
    expect(page.locator("[data-updated]").first).to_have_text("Signed out: load the page again")
