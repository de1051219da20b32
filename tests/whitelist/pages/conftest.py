from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from pytest_django.fixtures import Settings

from tests.whitelist.factories import NOON, register
from tests.whitelist.pages.member import Browser


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
