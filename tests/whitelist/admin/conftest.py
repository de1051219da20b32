"""Staff of several kinds, and at least one row of every model that the back office shows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.whitelist.admin.staff import PASSWORD, make_rows, make_staff, signed_in
from tests.whitelist.admin.unit_campus import make_campus, make_unit_admin
from whitelist.models import ServiceSettings


@pytest.fixture(autouse=True)
def plain_static_files(settings: Settings) -> None:
    """Names without a digest: the manifest is made by collectstatic, which no test here runs."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """The real hash takes half a second, and most of these tests sign somebody in."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def rows(db: None) -> None:
    make_rows(timezone.now())


@pytest.fixture
def chief(db: None) -> User:
    return User.objects.create_superuser("chief", "chief@example.edu.tw", PASSWORD)


@pytest.fixture
def chief_client(chief: User) -> Client:
    return signed_in(chief)


@pytest.fixture
def viewer_client(db: None) -> Client:
    """Staff that may look at everything and change nothing."""
    return signed_in(make_staff("viewer", "view"))


@pytest.fixture
def campus(db: None) -> None:
    make_campus()


@pytest.fixture
def unit_admin(db: None) -> User:
    return make_unit_admin()


@pytest.fixture
def unit_client(unit_admin: User, campus: None) -> Client:
    """A network admin of one unit; the pages in English."""
    client = signed_in(unit_admin)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture(params=[False, True], ids=["only looking", "editing"])
def may_edit(request: pytest.FixtureRequest, db: None) -> bool:
    """Whether the settings let unit network admins edit: the test runs with both."""
    ServiceSettings.objects.update(unit_admins_may_edit=request.param)
    return bool(request.param)


@pytest.fixture
def editing(db: None) -> None:
    ServiceSettings.objects.update(unit_admins_may_edit=True)
