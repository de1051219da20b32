"""Whatever dies, and whenever: afterwards the table equals what the database says is active."""

from __future__ import annotations

import pytest

from tests.real.kills import Unrest, check_settled, kill_at_random
from tests.real.processes import wait_until
from tests.real.service import Service

ADDRESSES = [f"127.0.0.{number}" for number in range(31, 35)]


def survive(kills: int, seed: int, **settings: str) -> None:
    with Service(**settings) as service:
        service.register({a: f"pc{a.split('.')[-1]}.ee.nthu.edu.tw" for a in ADDRESSES})
        service.allow_many_requests()
        unrest = Unrest(service, ADDRESSES)
        unrest.begin()
        try:
            kill_at_random(service, kills, seed)
            wait_until(lambda: served(unrest), "members served again", timeout=60)
        finally:
            unrest.end()
        check_settled(service)


def served(unrest: Unrest) -> bool:
    """On a slow machine web is hardly up between two kills: what counts is that it serves after."""
    return unrest.opened > len(ADDRESSES) and unrest.removed > 0


@pytest.mark.timeout(300)
def test_the_table_equals_the_database_after_a_dozen_kills(service_settings):
    survive(12, seed=1, **service_settings)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_table_equals_the_database_after_a_hundred_kills(service_settings):
    survive(100, seed=2, **service_settings)
