"""Which database and broker the whole service runs on: what the caller of pytest brought."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
import redis

from tests.real.name_server_fixtures import serve, serve_for_module  # noqa: F401


@pytest.fixture(scope="module")
def service_settings(worker_id: str, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Settings of a service under test: embedded, or a database and a queue of its own.

    Of its own, since what one module leaves behind (names, relays, entries, messages) would be
    true in the next, and tests at one time would do each other's tasks.
    """
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield {}
        return
    name = f"service_{worker_id}_{request.module.__name__.rpartition('.')[2]}"
    broker = f"{os.environ['CELERY_BROKER_URL'].rpartition('/')[0]}/{queue_number(worker_id)}"
    with redis.Redis.from_url(broker) as queue:
        queue.flushdb()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield {"DATABASE_URL": f"{url.rpartition('/')[0]}/{name}", "CELERY_BROKER_URL": broker}
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def queue_number(worker_id: str) -> int:
    """Redis has sixteen; the first is that of the test process itself."""
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    return 2 + number % 14
