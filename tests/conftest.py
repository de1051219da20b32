"""What every test may rely on."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps

from whitelist.models import AccessMap

first_rows_migration = importlib.import_module("whitelist.migrations.0002_first_rows")


@pytest.fixture(autouse=True)
def first_rows(request: pytest.FixtureRequest) -> None:
    """The rows that the migrations create: a test with real transactions flushes them."""
    wanted = {"db", "transactional_db", "live_server"} & set(request.fixturenames)
    marker = request.node.get_closest_marker("django_db")
    if not wanted and marker is None:
        return
    transactional = "transactional_db" in wanted or "live_server" in wanted
    if marker is not None and marker.kwargs.get("transaction"):
        transactional = True
    request.getfixturevalue("transactional_db" if transactional else "db")
    if not AccessMap.objects.exists():
        first_rows_migration.create_rows(apps, None)
        first_rows_migration.create_schedules(apps, None)
