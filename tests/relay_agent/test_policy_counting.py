"""Windows count what was sent: never less, later than it was by one slot at most, in one size."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_agent.policy.counting import LARGEST, NEVER, Latest, Over, Usage, Window
from relay_agent.snapshot import Limits

START = 1_000_000.0
STEPS = st.lists(st.tuples(st.floats(0, 9_000), st.integers(0, 50)), max_size=60)


@given(STEPS)
def test_a_window_counts_all_that_lies_in_it_and_nothing_a_slot_older(
    steps: list[tuple[float, int]],
) -> None:
    window, now, sent = Window(60, 60), START, []
    for pause, count in steps:
        now += pause
        window.add(count, now)
        sent.append((now, count))
        used = window.used(now)
        assert sum(count for when, count in sent if when > now - 3600) <= used
        assert used <= sum(count for when, count in sent if when > now - 3660)


@given(STEPS, st.integers(0, 400))
def test_it_falls_when_it_says(steps: list[tuple[float, int]], most: int) -> None:
    window, now = Window(60, 60), START
    for pause, count in steps:
        now += pause
        window.add(count, now)
    wait = window.falls_to(most, now)
    if wait:
        assert window.used(now + wait - 0.001) > most
    assert window.used(now + wait) <= most


def test_below_zero_it_never_falls() -> None:
    assert Window(60, 60).falls_to(-1, START) == NEVER


def test_a_clock_that_steps_back_changes_nothing() -> None:
    window = Window(60, 60)
    window.add(3, START)
    window.add(4, START - 5_000)
    assert window.used(START - 10_000) == 7
    assert window.used(START) == 7


def test_a_slot_that_is_full_stays_full() -> None:
    window = Window(60, 60)
    for _ in range(2):
        window.add(LARGEST - 1, START)
    assert window.used(START) == LARGEST
    assert window.used(START + 3_660) == 0


@pytest.mark.parametrize(
    ("limits", "count", "over"),
    [
        pytest.param(Limits(), 10**6, None, id="no limits"),
        pytest.param(Limits(100, 0), 40, None, id="up to the limit"),
        pytest.param(Limits(100, 0), 41, ("hour", 100), id="one more"),
        pytest.param(Limits(0, 60), 1, ("day", 60), id="of the day alone"),
        pytest.param(Limits(60, 60), 1, ("day", 60), id="of both the longer one"),
        pytest.param(Limits(60, 90), 1, ("hour", 60), id="the hour though not the day"),
    ],
)
def test_a_limit_is_passed_by_the_first_recipient_beyond_it(
    limits: Limits, count: int, over: tuple[str, int] | None
) -> None:
    usage = Usage()
    usage.add(60, START)
    found = usage.over(limits, count, START)
    assert (found and (found.span, found.limit)) == over


def test_there_is_room_again_when_the_oldest_have_left() -> None:
    usage, start = Usage(), 7_200.0
    usage.add(10, start)
    usage.add(50, start + 600)
    assert usage.over(Limits(60, 0), 10, start + 900) == Over(60, "hour", 3_660 - 900)
    assert usage.over(Limits(60, 0), 11, start + 900) == Over(60, "hour", 3_660 - 300)
    assert usage.over(Limits(60, 0), 61, start + 900) == Over(60, "hour", math.inf)


def test_only_the_latest_are_remembered() -> None:
    latest: Latest[str, int] = Latest(2)
    for name in ("a", "b", "a", "c"):
        latest.use(name, len(latest))
    assert dict(latest) == {"a": 0, "c": 2}
