from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from time_machine import Traveller, travel

from tests.portal_auth.portal import NOW, TestPortal, write_issuers


@pytest.fixture
def issuers_file(tmp_path: Path, settings: Settings) -> Path:
    path = tmp_path / "issuers.json"
    settings.PORTAL_ISSUERS_FILE = path
    return path


@pytest.fixture
def portal(issuers_file: Path) -> TestPortal:
    """A portal that the running service knows."""
    known = TestPortal()
    write_issuers(issuers_file, known)
    return known


@pytest.fixture
def clock() -> Iterator[Traveller]:
    """The service's clock, standing at `NOW` until the test moves it."""
    with travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def browser() -> Client:
    """A browser that, as real ones do, brings a CSRF token or is refused."""
    return Client(enforce_csrf_checks=True, headers={"accept-language": "en"})


@pytest.fixture(autouse=True)
def _plain_static_names(settings: Settings) -> None:
    """Names without a digest: the manifest is made by collectstatic, which no test here runs."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
