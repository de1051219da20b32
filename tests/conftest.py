"""What every test may rely on."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import NoReturn

import pytest
from django.apps import apps
from django.conf import settings
from django.db import transaction
from pytest_django import DjangoDbBlocker

from tests.environment import VAR_DIR
from tests.real import services
from tests.real.parts import MissingPartError
from whitelist.models import AccessMap

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "service_settings"}

first_rows_migration = importlib.import_module("whitelist.migrations.0002_first_rows")
content_migration = importlib.import_module("whitelist.migrations.0008_content")
notices_migration = importlib.import_module("whitelist.migrations.0006_notices")
registry_rows_migration = importlib.import_module("whitelist.migrations.0004_registry_rows")


@pytest.fixture(autouse=True)
def first_rows(request: pytest.FixtureRequest) -> None:
    """The rows that the migrations create: a test with real transactions flushes them.

    Put back before the test's own transaction, so that they stay for all the tests that follow.
    """
    wanted = {"db", "transactional_db", "live_server"} & set(request.fixturenames)
    marker = request.node.get_closest_marker("django_db")
    if not wanted and marker is None:
        return
    request.getfixturevalue("django_db_setup")
    with request.getfixturevalue("django_db_blocker").unblock():
        if not AccessMap.objects.exists():
            create_first_rows()
    transactional = "transactional_db" in wanted or "live_server" in wanted
    if marker is not None and marker.kwargs.get("transaction"):
        transactional = True
    request.getfixturevalue("transactional_db" if transactional else "db")


@pytest.fixture(scope="module")
def module_transaction(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A transaction around the tests of a module, so that rows that are dear are made once.

    Each test's own transaction lies within it, so no test of the module may have a real one.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        if not AccessMap.objects.exists():
            create_first_rows()
        yield
        transaction.set_rollback(True)


def create_first_rows() -> None:
    first_rows_migration.create_rows(apps, None)
    first_rows_migration.create_schedules(apps, None)
    registry_rows_migration.create_schedules(apps, None)
    notices_migration.create_schedules(apps, None)
    registry_rows_migration.create_group(apps, None)
    content_migration.create_rows(apps, None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="only tests that meet the database of DATABASE_URL; the others were run already",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--database-only"):
        return
    others = [item for item in items if not meets_database(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


def meets_database(item: pytest.Item) -> bool:
    names = set(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("words"):
        return False
    if item.get_closest_marker("browser") and "service_settings" not in names:
        return False  # pages look the same whatever they were read from
    parameters = getattr(item, "callspec", None)
    if parameters is not None and parameters.params.get("language", "en") != "en":
        return False  # what a page says in another language is read from the same rows
    return bool(names & DATABASE_FIXTURES) or item.get_closest_marker("django_db") is not None


def pytest_configure() -> None:
    (VAR_DIR / "static").mkdir(exist_ok=True)  # whitenoise warns where there is none
    # SQLite in a file, as the service has it: one in memory locks in other ways.
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(VAR_DIR / "pytest.sqlite3")


def pytest_unconfigure() -> None:
    shutil.rmtree(VAR_DIR, ignore_errors=True)


def missing(what: object) -> NoReturn:
    """A part that a test needs is not on this machine: where CI says so, that is a failure."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"missing: {what}")
    pytest.skip(f"missing: {what}")


def started(service: AbstractContextManager[services.Service]) -> Iterator[services.Service]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(service)
        except MissingPartError as error:
            missing(error)
        yield running


@pytest.fixture(scope="session")
def private_postgres() -> Iterator[services.Service]:
    """A PostgreSQL of this test process's own; a test may restart it, and leaves it running."""
    yield from started(services.postgres())


@pytest.fixture(scope="session")
def private_redis() -> Iterator[services.Service]:
    """A Redis of this test process's own."""
    yield from started(services.redis())
