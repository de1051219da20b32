"""A relay that does not follow is named to whoever watches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.whitelist.factories import NOON, open_entry
from tests.whitelist.relay_map.asking import Asker
from whitelist.audit import SYSTEM
from whitelist.models import AccessMap, Relay, ServiceSettings
from whitelist.models.relay import LOCAL_RELAY
from whitelist.relays import do_set_active
from whitelist_site.health import not_ready

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def relay() -> Asker:
    AccessMap.objects.update(published_at=NOON)
    return Asker("mx1")


def metrics() -> list[str]:
    return Client().get("/metrics").content.decode().splitlines()


def test_a_relay_that_is_silent_for_a_minute_is_named(relay: Asker) -> None:
    relay.report()
    assert not_ready(NOON + 60 * SECOND) == []
    assert not_ready(NOON + 61 * SECOND) == ["relay mx1: silent for 61 s"]
    assert Client().get("/readyz").status_code == 200


def test_a_relay_that_never_reported_has_as_long_from_its_token_on(relay: Asker) -> None:
    assert not_ready(NOON + 60 * SECOND) == []
    assert not_ready(NOON + 61 * SECOND) == ["relay mx1: never reported, silent for 61 s"]


def test_staff_set_how_long_is_too_long(relay: Asker) -> None:
    ServiceSettings.objects.update(relay_silent_seconds=300)
    assert not_ready(NOON + 300 * SECOND) == []
    assert len(not_ready(NOON + 301 * SECOND)) == 1


def test_silence_is_told_before_an_error_that_may_be_over(relay: Asker) -> None:
    relay.report(error="disk full")
    assert not_ready(NOON + SECOND) == ["relay mx1: disk full"]
    assert not_ready(NOON + 61 * SECOND) == ["relay mx1: silent for 61 s"]


def test_a_relay_that_does_not_count_is_no_alarm(relay: Asker) -> None:
    relay.report(error="disk full")
    do_set_active(relay.row, False, actor=SYSTEM, at=NOON)
    assert not_ready(NOON + 61 * SECOND) == []
    assert not [line for line in metrics() if "mx1" in line]


def test_the_local_table_is_watched_by_the_map_not_by_its_silence(relay: Asker) -> None:
    do_set_active(relay.row, False, actor=SYSTEM, at=NOON)
    Relay.objects.filter(name=LOCAL_RELAY).update(reported_at=NOON)
    assert not_ready(NOON + timedelta(hours=1)) == []


def test_metrics_tell_lag_state_age_and_clock(relay: Asker, noon: time_machine.Traveller) -> None:
    open_entry(at=NOON)
    relay.report(serial=0, time=NOON.timestamp() + 3.5)
    noon.move_to(NOON + 7 * SECOND)
    lines = metrics()
    for line in (
        'whitelist_relay_installed_serial{relay="mx1"} 0',
        'whitelist_relay_lag_serials{relay="mx1"} 1',
        'whitelist_relay_state{relay="mx1",state="behind"} 1',
        'whitelist_relay_report_age_seconds{relay="mx1"} 7.0',
        'whitelist_relay_clock_offset_seconds{relay="mx1"} 3.500',
    ):
        assert line in lines
        assert f"# TYPE {line.split('{', maxsplit=1)[0]} gauge" in lines
    relay.report(serial=1)
    lines = metrics()
    assert 'whitelist_relay_lag_serials{relay="mx1"} 0' in lines
    assert 'whitelist_relay_state{relay="mx1",state="in_sync"} 1' in lines


def test_metrics_take_as_many_queries_for_any_number_of_relays(relay: Asker) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            metrics()
        return len(captured)

    before = queries()
    for number in range(5):
        Asker(f"mx1{number}").report()
    assert queries() == before
