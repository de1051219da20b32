from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

import pytest
import time_machine
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from tests.real.browser import Browser as Chromium
from tests.whitelist.factories import NOON, register
from tests.whitelist.pages.desk import Desk
from tests.whitelist.pages.member import Browser
from whitelist_site.env import TrustedProxies


@pytest.fixture(autouse=True)
def plain_static_files(settings: Settings) -> None:
    """Names without a digest: the manifest is made by collectstatic, which no test runs."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    """It is noon in Taipei when a test begins: no quota's midnight falls into one."""
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
def clock(noon: None) -> Iterator[time_machine.Traveller]:
    """The service's clock, standing until the test moves it."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def visitor(db: None) -> Browser:
    """A browser at the usual address; nobody has signed in, nothing is registered."""
    return Browser()


@pytest.fixture
def member(visitor: Browser) -> Browser:
    """A signed-in student, at a registered address."""
    register()
    return visitor.sign_in()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    # Playwright's synchronous API runs a loop, in which Django would refuse the database.
    with pytest.MonkeyPatch.context() as patch, Chromium() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield browser


@pytest.fixture
def clean_chromium(chromium: Chromium, settings: Settings) -> Iterator[Chromium]:
    """Fails the test where a page broke its own policy or a script failed.

    The browser stands behind a trusted proxy, which says that it is on the campus.
    """
    settings.TRUSTED_PROXIES = TrustedProxies((ip_network("127.0.0.0/8"),), False)
    chromium.complaints.clear()
    yield chromium
    # A poll that was refused, or failed, is logged by the browser too; it is no fault.
    assert [line for line in chromium.complaints if "Failed to load resource" not in line] == []


@pytest.fixture
def desk(clean_chromium: Chromium, live_server: LiveServer) -> Iterator[Desk]:
    register()
    desk = Desk(clean_chromium, live_server)
    yield desk
    desk.context.close()
