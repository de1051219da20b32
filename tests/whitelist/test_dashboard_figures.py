"""What the dashboard asks of the database, on either of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.whitelist.dashboard_rows import opened, over, refused, tell
from tests.whitelist.factories import NOON, make_network
from whitelist.dashboard import figures
from whitelist.dashboard.figures import Today, UnitUse
from whitelist.dashboard.periods import Period, period_of, ranked_period
from whitelist.dashboard.words import REASONS, reason_name
from whitelist.models import SentCount
from whitelist.rules import Reason

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TAIPEI = ZoneInfo("Asia/Taipei")
NOW = NOON.astimezone(TAIPEI)


def period(code: str = "24h") -> Period:
    return period_of(code, NOON, TAIPEI)


def test_entries_now_are_those_that_have_not_lapsed() -> None:
    opened("140.114.64.1", NOON - timedelta(minutes=5), unit="a")
    opened("140.114.64.2", NOON - timedelta(minutes=3), unit="b", seconds=None)
    opened("140.114.64.3", NOON - timedelta(minutes=1), unit="b", seconds=None)
    opened("140.114.64.4", NOON - timedelta(hours=2), unit="c", seconds=None)
    now = figures.entries_now(NOON)
    assert (now.active, now.applying, now.units, now.slow) == (3, 2, 2, 1)
    assert now.oldest == NOON - timedelta(minutes=3)


def test_today_is_told_beside_what_is_usual_by_this_time_of_a_day() -> None:
    over("140.114.64.1", NOON - 2 * HOUR)
    refused(at=NOON - HOUR)
    for back in range(1, 8):
        over("140.114.64.2", NOON - back * DAY - 2 * HOUR)  # by this time
    for number in (1, 2, 3):
        refused(at=NOON - DAY + number * HOUR)  # later that day
    refused(at=NOON - 8 * DAY)
    tell("block_created", "140.114.64.2", NOON)
    assert figures.today(NOW) == Today(requests=2, refused=1, usual=1, week=10, week_refused=3)


def test_requests_fall_into_the_local_hour_and_day_that_they_were_made_in() -> None:
    over("140.114.64.1", NOON - timedelta(seconds=1))
    tell("entry_extended", "140.114.64.1", NOON)
    refused(at=NOON)
    midnight = NOW.replace(hour=0)
    refused(at=midnight - timedelta(seconds=1))
    by_hour = in_slots("24h")
    assert by_hour[-2:] == [(1, 0), (1, 1)]
    assert sum(refusals for _approved, refusals in by_hour) == 2
    assert in_slots("7d")[-4:] == [(0, 1), (0, 0), (1, 0), (1, 1)]
    assert in_slots("30d")[-2:] == [(0, 1), (2, 1)]


def in_slots(code: str) -> list[tuple[int, int]]:
    return figures.requests(period(code), figures.by_hour(period(code)))


def test_reasons_are_counted_the_most_frequent_first() -> None:
    for reason in ("quota", "no_name", "no_name"):
        refused(reason)
    refused("paused", NOON - 2 * DAY)
    assert figures.refusals(period()) == [("no_name", 2), ("quota", 1)]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_of_the_rules_has_words(reason: Reason) -> None:
    assert reason in REASONS


def test_a_reason_that_no_rule_gives_any_more_is_shown_legibly() -> None:
    assert reason_name("too_windy") == "Too windy"


def by_rank(seconds: list[float], percent: int) -> float:
    """The definition: so many of a hundred took that long or less."""
    return sorted(seconds)[-(-len(seconds) * percent // 100) - 1]


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21])
def test_half_and_95_of_100_took_effect_within_what_is_told(count: int) -> None:
    seconds = [(number * 7) % count + 1.5 for number in range(count)]
    for number, took in enumerate(seconds):
        opened(f"140.114.64.{number + 1}", NOON - 2 * HOUR, seconds=took)
    opened("140.114.65.1", NOON - HOUR, seconds=None)
    found = figures.seconds_to_effect(period())
    assert found[-3] == {50: by_rank(seconds, 50), 95: by_rank(seconds, 95)}
    assert found[-2] == {}
    days = ranked_period(period("7d"))
    assert figures.seconds_to_effect(days)[-1] == found[-3]
    assert len(days.marks) == 7


def test_units_are_told_with_what_was_sent_under_their_entries() -> None:
    first = over("140.114.64.1", NOON - 3 * HOUR, unit="busy")
    over("140.114.64.1", NOON - 2 * HOUR, unit="busy")
    over("140.114.64.2", NOON - 2 * HOUR, unit="quiet")
    over("140.114.64.2", NOON - 3 * HOUR, unit="")
    for run in ("a", "b"):
        SentCount.objects.create(entry=first, run=run, messages=20, updated_at=NOON)
    assert figures.top_units(period()) == [
        UnitUse("busy", requests=2, messages=40),
        UnitUse("quiet", requests=1, messages=None),
    ]


def test_addresses_are_told_with_their_refusals_and_networks_in_the_order_of_a_walk() -> None:
    over("140.114.64.1", NOON - 3 * HOUR)
    refused(address="140.114.64.1")
    refused(address="140.114.64.2")
    assert figures.uses_by_address(period()) == [("140.114.64.1", 2, 1), ("140.114.64.2", 1, 1)]
    make_network("140.114.64.0/24")
    make_network("140.114.0.0/16")
    assert [row[1] for row in figures.all_networks()] == ["140.114.0.0/16", "140.114.64.0/24"]


def test_entries_over_time_are_what_was_active_then() -> None:
    over("140.114.64.1", NOON - 5 * HOUR - timedelta(minutes=30))
    over("140.114.64.2", NOON - 5 * HOUR - timedelta(minutes=30))
    opened("140.114.64.3", NOON - timedelta(minutes=90))  # lapsed; nobody has closed it
    opened("140.114.64.4", NOON - timedelta(minutes=10))
    now_active = figures.entries_now(NOON).active
    found = figures.most_active(period(), figures.by_hour(period()), now_active)
    # Two from 6:30 to 7:30, one from 10:30 to 11:30, one since 11:50; looked at by the hour.
    assert found[-8:] == [0, 2, 2, 0, 0, 1, 1, 1]


EVERYTHING: list[Callable[[Period], object]] = [
    lambda _period: figures.entries_now(NOON),
    lambda _period: figures.today(NOW),
    figures.by_hour,
    figures.refusals,
    figures.seconds_to_effect,
    figures.top_units,
    figures.uses_by_address,
    lambda period: figures.most_active(period, {}, 1),
]


@pytest.mark.parametrize("code", ["24h", "7d", "30d"])
def test_every_figure_takes_one_query_or_two_and_bears_that_there_is_nothing(code: str) -> None:
    for ask in EVERYTHING:
        with CaptureQueriesContext(connection) as queries:
            ask(ranked_period(period(code)))
        assert len(queries) <= 2
