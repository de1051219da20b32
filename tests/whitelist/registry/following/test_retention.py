"""What the registry forgets, and when."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.whitelist.factories import NOON, make_zone
from whitelist import tasks
from whitelist.models.host import HostChange
from whitelist.models.registration import LiveAnswer
from whitelist.models.sync_run import HeldTransfer, SyncRun
from whitelist.models.zone import Zone
from whitelist.registry.following.retention import do_forget_old

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def add_run(zone: Zone, at: datetime) -> SyncRun:
    return SyncRun.objects.create(zone=zone, started_at=at, finished_at=at)


def test_runs_are_kept_for_ninety_days() -> None:
    zone = make_zone()
    kept = add_run(zone, NOON - 90 * DAY)
    add_run(zone, NOON - 90 * DAY - timedelta(seconds=1))
    do_forget_old(NOON)
    assert SyncRun.objects.get() == kept


def test_the_runs_of_a_zone_that_waits_for_a_decision_are_kept() -> None:
    zone = make_zone("held")
    run = add_run(zone, NOON - 400 * DAY)
    add_run(make_zone("other"), NOON - 400 * DAY)
    HeldTransfer.objects.create(
        zone=zone, held_at=NOON, added=0, removed=0, addresses_before=0, addresses_lost=0,
        entries_hit=0, hosts=b"",
    )  # fmt: skip
    do_forget_old(NOON)
    assert SyncRun.objects.get() == run


@pytest.mark.parametrize(("age", "left"), [(729, 1), (730, 1), (731, 0)])
def test_the_history_of_an_address_is_kept_for_two_years(age: int, left: int) -> None:
    HostChange.objects.create(
        zone=make_zone(), address="10.0.0.1", name="a.nthu.edu.tw", added=True, at=NOON - age * DAY
    )
    do_forget_old(NOON)
    assert HostChange.objects.count() == left


def test_live_answers_are_kept_for_a_day() -> None:
    kept = LiveAnswer.objects.create(address="10.0.0.1", asked_at=NOON - DAY)
    LiveAnswer.objects.create(address="10.0.0.2", asked_at=NOON - DAY - timedelta(seconds=1))
    do_forget_old(NOON)
    assert LiveAnswer.objects.get() == kept


def test_the_nightly_task_forgets() -> None:
    add_run(make_zone(), NOON - 36500 * DAY)
    tasks.clean_up()
    assert not SyncRun.objects.exists()
