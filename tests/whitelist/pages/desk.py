"""A member's desk: a real browser before a server that runs in this process."""

from __future__ import annotations

from django.conf import settings
from playwright.sync_api import BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from portal_auth.minting import Member as Person
from tests.real.browser import Browser as Chromium
from tests.whitelist.factories import ADDRESS
from tests.whitelist.pages.member import PAGE, Browser

PATIENCE = 15_000  # milliseconds
PERSON = Person("s112062501", "student", "校", name="王小明", email="s112062501@example.edu.tw")


class Desk:
    """A signed-in member before a browser on this machine."""

    def __init__(self, chromium: Chromium, live_server: LiveServer, **options: object) -> None:
        self.member = Browser(person=PERSON).sign_in()
        self.context: BrowserContext = chromium.context(
            live_server.url,
            extra_http_headers={"X-Forwarded-For": ADDRESS},
            **{"locale": "en-GB", **options},
        )
        name = settings.SESSION_COOKIE_NAME
        cookie = self.member.client.cookies[name].value
        self.context.add_cookies([{"name": name, "value": cookie, "url": live_server.url}])
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)

    def look(self, path: str = PAGE) -> Page:
        self.page.goto(path)
        return self.page


def wait_for_state(page: Page, state: str) -> None:
    page.wait_for_selector(f'main[data-state="{state}"]')
