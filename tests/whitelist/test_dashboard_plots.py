"""Periods, coordinates and sums by network: numbers in, numbers out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tests.whitelist.factories import NOON
from whitelist.addresses import order_key, parse_network
from whitelist.dashboard import plots
from whitelist.dashboard.figures import peaks
from whitelist.dashboard.networks import Network, NetworkUse, by_network
from whitelist.dashboard.periods import period_of

TAIPEI = ZoneInfo("Asia/Taipei")
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
FLOOR = plots.HEIGHT - plots.BOTTOM


@pytest.mark.parametrize(
    ("code", "first", "last", "count"),
    [
        ("24h", "2026-11-23 13:00", "2026-11-24 12:00", 24),
        ("7d", "2026-11-18 00:00", "2026-11-24 12:00", 27),
        ("30d", "2026-10-26 00:00", "2026-11-24 00:00", 30),
        ("", "2026-11-23 13:00", "2026-11-24 12:00", 24),
        ("1000y", "2026-11-23 13:00", "2026-11-24 12:00", 24),
    ],
)
def test_a_period_ends_with_the_slot_that_runs_in_local_time(
    code: str, first: str, last: str, count: int
) -> None:
    period = period_of(code, NOON + timedelta(minutes=20), TAIPEI)
    marks = [f"{mark:%Y-%m-%d %H:%M}" for mark in period.marks]
    assert (marks[0], marks[-1], len(marks)) == (first, last, count)


@pytest.mark.parametrize(("code", "count"), [("24h", 24), ("7d", 25), ("30d", 30)])
def test_slots_keep_their_order_where_the_clocks_were_put_back(code: str, count: int) -> None:
    period = period_of(code, datetime(2026, 10, 25, 4, 30, tzinfo=UTC), BERLIN)
    moments = [mark.astimezone(UTC) for mark in period.marks]
    assert moments == sorted(set(moments))
    assert len(moments) == count
    if code == "24h":
        assert {later - one for one, later in pairwise(moments)} == {HOUR}


def test_a_moment_is_in_the_slot_that_has_begun() -> None:
    period = period_of("24h", NOON, TAIPEI)
    assert period.number_of(NOON) == 23
    assert period.number_of(NOON - timedelta(seconds=1)) == 22
    assert period.number_of(NOON - timedelta(days=400)) == 0


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, [0, 1]), (0.4, [0, 1]), (1, [0, 1]), (4, [0, 1, 2, 3, 4]), (5, [0, 2, 4, 6]),
        (60, [0, 20, 40, 60]), (61, [0, 20, 40, 60, 80]), (99_999, [0, 50_000, 100_000]),
    ],
)  # fmt: skip
def test_ticks_are_round_reach_the_highest_number_and_are_few(
    most: float, expected: list[int]
) -> None:
    assert plots.ticks(most) == expected


def test_no_number_is_above_the_highest_tick_nor_far_below() -> None:
    for most in (*range(1, 300), 12_345, 10**9):
        ticks = plots.ticks(most)
        assert ticks[-2] < most <= ticks[-1]
        assert len(ticks) <= 5


def test_bars_stand_on_each_other_and_on_the_floor() -> None:
    plot = plots.stacked([(3, 1), (0, 0), (0, 2)], ["a", "b", "c"], ["12", "", ""])
    lower, upper = plot.columns[0].bars
    room = FLOOR - plots.TOP
    assert float(lower.y) == pytest.approx(FLOOR - room * 3 / 4, abs=0.1)
    assert float(upper.y) == pytest.approx(plots.TOP, abs=0.1)
    assert float(lower.y) + float(lower.height) == pytest.approx(FLOOR, abs=1.1)
    assert plot.columns[1].bars == ()
    assert [bar.series for bar in plot.columns[2].bars] == [1]
    assert [tick.label for tick in plot.below] == ["12"]


@pytest.mark.parametrize("count", [1, 24, 30])
def test_columns_stay_within_the_plot(count: int) -> None:
    columns = plots.stacked([(1, 1)] * count, [""] * count, [""] * count).columns
    assert float(columns[0].x) >= plots.LEFT
    assert float(columns[-1].x) + float(columns[-1].width) <= plots.WIDTH - plots.RIGHT


def test_a_curve_breaks_where_there_is_no_number_and_one_alone_is_a_dot() -> None:
    curve = plots.lines([[1, 2, None, 4, None, 4]], ["", "", "x", "", "", ""]).curves[0]
    assert [len(points.split()) for points in curve.stretches] == [2]
    assert len(curve.dots) == 2
    assert curve.dots[0][1] == f"{plots.TOP:.1f}"


def test_a_target_above_all_numbers_is_within_the_plot() -> None:
    plot = plots.lines([[8, 9]], ["", ""], target=60)
    assert float(plot.target) == plots.TOP
    assert plots.lines([[8, 9]], ["", ""]).target == ""


def test_nothing_at_all_can_be_drawn() -> None:
    assert plots.lines([[None]], [""]).curves[0].stretches == ()
    assert plots.stacked([(0, 0)], [""], [""]).columns[0].bars == ()


@pytest.mark.parametrize(
    ("value", "most", "length"), [(0, 5, "0"), (5, 5, "100.0"), (1, 1000, "1.0"), (0, 0, "0")]
)
def test_what_is_not_nothing_can_be_seen(value: int, most: int, length: str) -> None:
    assert plots.share(value, most) == length


def network(key: int, cidr: str) -> Network:
    parsed = parse_network(cidr)
    bounds = order_key(parsed.network_address), order_key(parsed.broadcast_address)
    return key, cidr, f"unit {key}", *bounds


NETWORKS = sorted(
    [
        network(1, "140.114.0.0/16"), network(2, "140.114.64.0/24"),
        network(3, "140.114.64.128/25"),
        network(4, "140.114.70.0/24"), network(5, "2001:db8::/32"), network(6, "::/0"),
    ],
    key=lambda row: (row[3], parse_network(row[1]).prefixlen),
)  # fmt: skip


@pytest.mark.parametrize(
    ("address", "cidr"),
    [
        ("140.114.64.127", "140.114.64.0/24"), ("140.114.64.128", "140.114.64.128/25"),
        ("140.114.64.255", "140.114.64.128/25"), ("140.114.65.0", "140.114.0.0/16"),
        ("140.114.0.0", "140.114.0.0/16"), ("140.114.255.255", "140.114.0.0/16"),
        ("140.115.0.1", ""), ("1.1.1.1", ""), ("2001:db8::1", "2001:db8::/32"), ("2001::1", "::/0"),
    ],
)  # fmt: skip
def test_an_address_counts_to_the_most_specific_network_of_its_family(
    address: str, cidr: str
) -> None:
    assert [use.cidr for use in by_network([(address, 1, 0)], NETWORKS, 9)] == [cidr]


def test_the_busiest_networks_come_first_with_the_sums_of_their_addresses() -> None:
    uses = [("140.114.64.1", 2, 1), ("140.114.70.9", 9, 0), ("140.114.64.2", 3, 2)]
    assert by_network(uses, NETWORKS, 2) == [
        NetworkUse(4, "140.114.70.0/24", "unit 4", 9, 0),
        NetworkUse(2, "140.114.64.0/24", "unit 2", 5, 3),
    ]
    assert len(by_network(uses, NETWORKS, 1)) == 1


def test_what_was_active_is_counted_back_from_now_and_the_most_of_a_slot_is_told() -> None:
    at = NOON + timedelta(minutes=30)
    hour = NOON.astimezone(UTC)
    # This hour one more was opened than ended; the hour before two more ended than were opened.
    found = peaks(period_of("24h", at, TAIPEI), 5, {hour: -1, hour - HOUR: 2})
    assert found[-1] == 5
    assert found[-2] == 6
    assert found[-3] == 6  # as that hour ended there were six
    assert found[0] == 6
    assert peaks(period_of("30d", at, TAIPEI), 5, {hour: -1, hour - HOUR: 2})[-1] == 6
