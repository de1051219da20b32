"""The whole back office in a real browser: nothing on any page breaks the strict CSP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from tests.real.browser import Browser
from tests.whitelist.admin.staff import PASSWORD, make_rows
from whitelist.admin_display import admin_url
from whitelist.models import RegistrationOverride, ServiceSettings, WhitelistEntry

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OWN_PAGES = ("index", "password_change", "one_time_codes")


@pytest.fixture(autouse=True)
def synchronous_playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright's synchronous API runs a loop, in which Django would refuse the database."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    chromium.complaints.clear()
    return chromium


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, settings: Settings) -> Iterator[Page]:
    settings.BASE_URL = live_server.url
    User.objects.create_superuser("chief", password=PASSWORD)
    make_rows(timezone.now())
    page = browser.page(live_server.url, locale="en-US")
    page.goto(reverse("admin:login"))
    page.fill("#id_username", "chief")
    page.fill("#id_password", PASSWORD)
    page.click("#login-form [type=submit]")
    yield page
    page.context.close()


def every_url() -> list[str]:
    urls = [reverse(f"admin:{name}") for name in OWN_PAGES]
    urls.append(reverse("admin:whitelist_address") + "?q=140.114.64.154")
    for model in admin.site._registry:
        row = model._default_manager.first()
        assert row is not None
        names = [("changelist", ()), ("change", (row.pk,)), ("history", (row.pk,))]
        urls += [admin_url(model, name, *args) for name, args in (*names, ("add", ()))]
        urls.append(admin_url(model, "delete", row.pk))
    urls += [admin_url(ServiceSettings, name) for name in ("pause", "resume")]
    active = WhitelistEntry.objects.active(timezone.now()).first()
    assert active is not None
    override = RegistrationOverride.objects.get()
    urls.append(admin_url(RegistrationOverride, "lift", override.pk))
    return [*urls, admin_url(WhitelistEntry, "end", active.pk)]


def test_no_page_breaks_the_policy(page: Page, browser: Browser) -> None:
    refused, urls = 0, every_url()
    for url in urls:
        response = page.goto(url)
        assert response is not None
        # A page that a read-only model does not have is answered 403, and is no finding.
        assert response.status in {200, 403}, url
        assert "script-src 'self'" in response.headers["content-security-policy"]
        refused += response.status == 403
    violations = [text for text in browser.complaints if "403 (Forbidden)" not in text]
    assert violations == []
    assert refused < len(urls) / 2


def test_the_browser_would_tell_of_a_violation(page: Page, browser: Browser) -> None:
    """The test above can fail: an inline style is reported where one is put in."""
    page.goto(reverse("admin:index"))
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">x</p>')")
    page.wait_for_timeout(100)
    assert any("style-src" in text for text in browser.complaints)


def test_pages_work_by_their_scripts(page: Page, browser: Browser) -> None:
    """Theme, select-all, calendar and crontab help run under the policy."""
    page.goto(admin_url(WhitelistEntry, "changelist"))
    page.check("#action-toggle")
    assert page.locator("tr.selected").count() == WhitelistEntry.objects.count()
    page.click("#user-tools .theme-toggle")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.goto(reverse("admin:whitelist_block_add"))
    page.click(".datetimeshortcuts a[id^=calendarlink]")
    assert page.locator(".calendarbox").first.is_visible()
    page.goto(reverse("admin:django_celery_beat_periodictask_add"))
    page.select_option("#id_crontab", index=1)
    assert "04:05" in page.locator(".field-crontab .help").inner_text()
    assert browser.complaints == []


def test_a_phone_is_set_up_with_the_picture_that_the_page_shows(
    page: Page, browser: Browser
) -> None:
    page.goto(reverse("admin:one_time_codes"))
    page.click("button:has-text('Set up one-time codes')")
    page.wait_for_load_state("load")
    assert page.locator(".qr img").evaluate("image => image.complete && image.naturalWidth > 0")
    assert browser.complaints == []


def test_an_entry_is_ended_from_its_page(page: Page) -> None:
    entry = WhitelistEntry.objects.active(timezone.now()).first()
    assert entry is not None
    page.goto(admin_url(WhitelistEntry, "change", entry.pk))
    page.click(".object-tools a:has-text('End now')")
    page.fill("#id_reason", "asked by the unit")
    page.click("input[value='End now']")
    page.wait_for_selector(".messagelist .success")
    entry.refresh_from_db()
    assert entry.end_note == "asked by the unit"
