"""Which database and broker the whole service runs on: what the caller of pytest brought."""

from __future__ import annotations

import os

import psycopg
import pytest

from tests.real.name_server_fixtures import serve, serve_for_module  # noqa: F401


@pytest.fixture(scope="session")
def service_settings(worker_id: str) -> dict[str, str]:
    """Settings of a service under test: embedded, or a database of its own on a PostgreSQL."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        return {}
    name = f"service_{worker_id}_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return {
        "DATABASE_URL": f"{url.rpartition('/')[0]}/{name}",
        "CELERY_BROKER_URL": os.environ["CELERY_BROKER_URL"],
    }
