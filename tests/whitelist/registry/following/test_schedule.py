"""Which zones are due: each is sent once, and none is lost where the broker is down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from celery import current_app
from django.db import connection

from tests.real.processes import free_port
from tests.whitelist.factories import NOON
from whitelist import tasks
from whitelist.models.sync_run import SyncTrigger
from whitelist.models.zone import Zone, ZoneKind, ZoneSource
from whitelist.registry.following.schedule import (
    LEASE,
    SYNC_TASK,
    do_postpone,
    do_send_due,
    request_sync,
)

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
GENEROUS = 2.0  # a request waits half a second for a broker; the rest is a slow machine's


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The arguments of the syncs that were sent."""
    calls: list[tuple[Any, ...]] = []

    def send(name: str, *, args: tuple[Any, ...], **_rest: object) -> None:
        assert name == SYNC_TASK
        calls.append(args)

    monkeypatch.setattr(current_app, "send_task", send)
    return calls


@pytest.fixture
def no_broker() -> Iterator[None]:
    conf = current_app.conf
    names = ("broker_url", "broker_read_url", "broker_write_url", "broker_transport")
    saved = {name: getattr(conf, name, None) for name in names}
    nobody = f"redis://127.0.0.1:{free_port()}"
    conf.update(dict.fromkeys(names, nobody) | {"broker_transport": None})
    yield
    conf.update(saved)


def make_zone(
    name: str, next_check_at: datetime | None = None, source: ZoneSource = ZoneSource.SERVERS
) -> Zone:
    return Zone.objects.create(
        name=name, kind=ZoneKind.FORWARD, source=source, next_check_at=next_check_at
    )


def test_zones_whose_time_has_come_are_sent_the_longest_overdue_first(
    sent: list[tuple[Any, ...]],
) -> None:
    late = make_zone("late", NOON - MINUTE)
    now = make_zone("now", NOON)
    make_zone("later", NOON + MINUTE)
    new = make_zone("new")
    make_zone("by hand", None, ZoneSource.HAND)
    assert do_send_due(NOON) == 3
    assert sent == [(zone.pk, "schedule", "") for zone in (new, late, now)]


def test_a_zone_that_was_sent_is_left_alone_until_its_lease_ends(
    sent: list[tuple[Any, ...]],
) -> None:
    zone = make_zone("due", NOON)
    assert do_send_due(NOON) == 1
    assert Zone.objects.get().next_check_at == NOON + LEASE
    assert do_send_due(NOON + LEASE - MINUTE) == 0
    assert do_send_due(NOON + LEASE) == 1
    assert len(sent) == 2
    do_postpone(zone, NOON)
    assert do_send_due(NOON + MINUTE) == 1


def test_several_beats_at_the_same_moment_send_each_zone_once(
    sent: list[tuple[Any, ...]],
) -> None:
    for number in range(20):
        make_zone(f"z{number}", NOON)
    barrier = Barrier(4)

    def beat(_number: int) -> int:
        try:
            barrier.wait()
            return do_send_due(NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(beat, range(4))) == 20
    assert len(set(sent)) == len(sent) == 20


def test_with_the_broker_down_the_zones_stay_due_and_it_is_asked_once(
    no_broker: None, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        make_zone(f"z{number}")
    start = time.monotonic()
    tasks.sync_due_zones()
    assert time.monotonic() - start < GENEROUS
    assert "the zones stay due" in caplog.text
    assert caplog.text.count("not sent") == 1
    assert Zone.objects.due(NOON + timedelta(days=36500)).count() == 5
    assert not Zone.objects.filter(next_check_at=None).exists()


def test_what_the_broker_took_before_it_failed_is_not_sent_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        make_zone(f"z{number}", NOON)
    taken: list[object] = []

    def send(_name: str, *, args: tuple[Any, ...], **_rest: object) -> None:
        if len(taken) == 2:
            raise OSError("the broker went away")
        taken.append(args[0])

    monkeypatch.setattr(current_app, "send_task", send)
    assert do_send_due(NOON) == 2
    left = Zone.objects.due(NOON)
    assert [zone.pk in taken for zone in left] == [False]


def test_a_request_makes_the_zone_due_and_sends_who_asked(sent: list[tuple[Any, ...]]) -> None:
    zone = make_zone("z", NOON + LEASE)
    request_sync(zone, SyncTrigger.STAFF, "chief", at=NOON)
    request_sync(zone, SyncTrigger.STAFF, "chief", full=True, at=NOON)
    assert sent == [(zone.pk, "staff", "chief", False), (zone.pk, "staff", "chief", True)]
    assert Zone.objects.get().next_check_at == NOON


def test_a_request_is_not_lost_where_the_broker_is_down(
    no_broker: None, caplog: pytest.LogCaptureFixture
) -> None:
    zone = make_zone("z", NOON + LEASE)
    start = time.monotonic()
    request_sync(zone, SyncTrigger.NOTIFY, at=NOON)
    assert time.monotonic() - start < GENEROUS
    assert list(Zone.objects.due(NOON)) == [zone]
    assert "beat will find the zone due" in caplog.text


def test_a_zone_that_is_not_followed_is_not_asked_about(sent: list[tuple[Any, ...]]) -> None:
    request_sync(make_zone("by hand", None, ZoneSource.HAND), SyncTrigger.STAFF, at=NOON)
    assert (sent, Zone.objects.get().next_check_at) == ([], None)
