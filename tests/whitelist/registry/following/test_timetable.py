"""When a zone is asked about next: its SOA's times within reason, and once a night in full."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.whitelist.factories import NOON
from whitelist.models.zone import Zone, ZoneKind, ZoneSource
from whitelist.registry.following.timetable import (
    LEAST,
    MOST,
    full_is_due,
    last_night,
    next_check,
    next_night,
    portion,
    spread,
)

TAIPEI = ZoneInfo("Asia/Taipei")
BERLIN = ZoneInfo("Europe/Berlin")  # where clocks are put on in the night
DAY = timedelta(days=1)
names = st.text("abcdefgh.-0123456789", min_size=1, max_size=40)


def zone(name: str = "ee.nthu.edu.tw", **fields: Any) -> Zone:
    return Zone(name=name, **{"source": ZoneSource.SERVERS, "kind": ZoneKind.FORWARD} | fields)


@pytest.mark.parametrize(
    ("fields", "failed", "seconds"),
    [
        ({"refresh": 7200, "retry": 600}, False, 7200),
        ({"refresh": 7200, "retry": 600}, True, 600),
        ({}, False, 3600),
        ({}, True, 900),
        ({"refresh": 0, "retry": 0}, False, 3600),
        ({"refresh": 1, "retry": 1}, False, 60),
        ({"refresh": 1, "retry": 1}, True, 60),
        ({"refresh": 2**31 - 1, "retry": 2**31 - 1}, True, 86400),
        ({"refresh": 7200, "source": ZoneSource.FILE}, False, 60),
        ({"retry": 600, "source": ZoneSource.FILE}, True, 600),
        ({"source": ZoneSource.FILE}, True, 900),
    ],
    ids=str,
)
def test_the_wait_is_the_soas_within_limits_and_a_tenth(
    fields: dict[str, Any], failed: bool, seconds: int
) -> None:
    wait = next_check(zone(**fields), NOON, TAIPEI, failed=failed) - NOON
    assert timedelta(seconds=seconds) * 0.9 <= wait <= timedelta(seconds=seconds) * 1.1
    assert wait == next_check(zone(**fields), NOON, TAIPEI, failed=failed) - NOON


def test_zones_that_were_loaded_together_drift_apart() -> None:
    waits = {spread(zone(f"z{number}.nthu.edu.tw"), DAY) for number in range(50)}
    assert len(waits) == 50
    assert max(waits) - min(waits) > DAY * 0.15


def test_two_views_of_one_name_have_moments_of_their_own() -> None:
    assert portion(zone(view="inside")) != portion(zone(view="outside"))


def test_nobody_waits_beyond_the_night_in_which_all_is_read() -> None:
    one = zone(refresh=86400)
    at = datetime(2026, 11, 24, 2, 30, tzinfo=TAIPEI).astimezone(UTC)
    assert next_check(one, at, TAIPEI, failed=False) == next_night(one, at, TAIPEI)


@pytest.mark.parametrize(
    ("full_at", "at", "due"),
    [
        (None, "2026-11-24 12:00", True),
        ("2026-11-23 12:00", "2026-11-24 02:59", False),
        ("2026-11-23 12:00", "2026-11-24 04:00", True),
        ("2026-11-23 12:00", "2026-11-27 02:00", True),
        ("2026-11-24 04:00", "2026-11-24 04:01", False),
        ("2026-11-24 04:00", "2026-11-25 02:59", False),
        ("2026-11-24 04:00", "2026-11-25 04:00", True),
    ],
)
def test_a_zone_is_read_in_full_once_a_night(full_at: str | None, at: str, due: bool) -> None:
    def local(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=TAIPEI).astimezone(UTC)

    one = zone(full_at=local(full_at) if full_at else None)
    assert full_is_due(one, local(at), TAIPEI) is due


@given(names, st.integers(0, 3650 * 24 * 60))
def test_the_night_comes_once_a_day_between_three_and_four(name: str, minutes: int) -> None:
    one, at = zone(name), NOON + timedelta(minutes=minutes)
    last, following = last_night(one, at, TAIPEI), next_night(one, at, TAIPEI)
    assert last <= at < following
    assert following - last == DAY
    assert last.astimezone(TAIPEI).hour == 3


@given(names, st.integers(0, 730 * 24 * 60))
def test_a_clock_that_is_put_on_neither_skips_a_night_nor_doubles_it(
    name: str, minutes: int
) -> None:
    one, at = zone(name), NOON + timedelta(minutes=minutes)
    following = next_night(one, at, BERLIN)
    assert last_night(one, at, BERLIN) <= at < following
    assert abs(following - last_night(one, at, BERLIN) - DAY) <= timedelta(hours=1)
    assert last_night(one, following, BERLIN) == following


@given(names, st.integers(0, 2**31 - 1) | st.none(), st.integers(0, 2**31 - 1) | st.none())
def test_no_soa_makes_us_hammer_or_forget(
    name: str, refresh: int | None, retry: int | None
) -> None:
    one = zone(name, refresh=refresh, retry=retry, full_at=NOON)
    for failed in (False, True):
        wait = next_check(one, NOON, TAIPEI, failed=failed) - NOON
        assert LEAST * 0.9 <= wait <= MOST * 1.1
