"""An entry ends by the wall clock or by time since boot, whichever says so first."""

from __future__ import annotations

import pytest

from relay_agent.deadlines import NEVER, Deadlines, End, Now

ENTRY = {b"10.0.0.1": b"1000"}


@pytest.fixture
def deadlines() -> Deadlines:
    """An entry seen 100 s before its end, 500 s after boot."""
    found = Deadlines()
    found.follow(Now(wall=900, boot=500))
    found.note(ENTRY, Now(wall=900, boot=500))
    return found


@pytest.mark.parametrize(
    ("now", "lasts"),
    [
        (Now(wall=999.9, boot=599.9), True),
        (Now(wall=1000, boot=600), False),
        (Now(wall=500, boot=599.9), True),
        (Now(wall=500, boot=600), False),
        (Now(wall=1000, boot=550), False),
        (Now(wall=5000, boot=550), False),
    ],
    ids=["before", "at the end", "set back, before", "set back, at the end", "ahead", "far ahead"],
)
def test_it_is_gone_when_the_first_clock_says_so(
    deadlines: Deadlines, now: Now, lasts: bool
) -> None:
    assert bool(deadlines.lasting(ENTRY, now)) is lasts


def test_a_wall_clock_set_ahead_and_back_does_not_give_time(deadlines: Deadlines) -> None:
    deadlines.follow(Now(wall=990, boot=510))  # set ahead by 80 s
    deadlines.follow(Now(wall=911, boot=511))  # and back
    assert deadlines.lasting(ENTRY, Now(wall=918, boot=518))
    assert not deadlines.lasting(ENTRY, Now(wall=921, boot=521))


def test_the_noise_of_reading_two_clocks_takes_no_time_away(deadlines: Deadlines) -> None:
    for step in range(1000):
        deadlines.follow(Now(wall=900 + 0.001 * (step % 2), boot=500))
    assert deadlines.lasting(ENTRY, Now(wall=999.9, boot=599.9))


def test_an_extended_entry_has_an_end_of_its_own(deadlines: Deadlines) -> None:
    extended = {b"10.0.0.1": b"2000"}
    deadlines.note(extended, Now(wall=950, boot=550))
    assert deadlines.lasting(extended, Now(wall=1500, boot=1100))
    assert not deadlines.lasting(ENTRY, Now(wall=1500, boot=1100))


def test_an_entry_put_back_after_its_end_is_still_over(deadlines: Deadlines) -> None:
    late = Now(wall=500, boot=600)
    assert not deadlines.lasting(ENTRY, late)
    deadlines.forget(late)
    assert not deadlines.lasting(ENTRY, Now(wall=510, boot=610))


def test_what_lapsed_a_day_ago_is_forgotten(deadlines: Deadlines) -> None:
    deadlines.forget(Now(wall=100_000, boot=99_600))
    assert deadlines.ends == {}


@pytest.mark.parametrize(
    "record", [(b"unknown", b"9" * 12), (b"10.0.0.2", b"OK"), (b"127.9", b"1")]
)
def test_what_is_no_entry_of_ours_has_no_time_left(record: tuple[bytes, bytes]) -> None:
    assert Deadlines().lasting(dict([record]), Now(wall=1, boot=1)) == {}


def test_the_next_end_is_the_first_by_either_clock(deadlines: Deadlines) -> None:
    later = ENTRY | {b"10.0.0.2": b"3000"}
    assert deadlines.next_end(later, Now(wall=900, boot=500)) == End(1000, 600)
    assert deadlines.next_end({}, Now(wall=900, boot=500)) == NEVER


def test_a_lapse_is_told_once_and_how_long_it_is_until_the_next(deadlines: Deadlines) -> None:
    deadlines.note({b"10.0.0.2": b"1010"}, Now(wall=900, boot=500))
    told = []
    for wall in (999, 1000, 1005, 1010):
        now = Now(wall, wall - 400)
        deadlines.follow(now)
        told.append((deadlines.some_lapsed(now), deadlines.left(now)))
    assert told == [(False, 1), (True, 10), (False, 5), (True, float("inf"))]


@pytest.mark.parametrize("step", [0.04, 1.0], ids=["bit by bit", "in steps"])
def test_a_lapse_is_told_by_a_wall_clock_that_gains_whatever_was_noted_before(
    deadlines: Deadlines, step: float
) -> None:
    deadlines.note({b"10.0.0.2": b"1001"}, Now(wall=895, boot=500))  # the clock was set back
    for number in range(int(10 / step)):
        deadlines.follow(Now(900 + number * step, 500))
    now = Now(1000, 500 + 90)
    deadlines.follow(now)
    assert deadlines.some_lapsed(now)
    assert not deadlines.lasting(ENTRY, now)


def test_what_a_late_clock_puts_back_after_it_was_forgotten_is_over_by_the_wall_clock(
    deadlines: Deadlines,
) -> None:
    for day in (1, 2, 3):
        now = Now(1000 + 90_000 * day, 600 + 90_000 * day)
        deadlines.follow(now)
        assert deadlines.lasting(ENTRY, now) == {}
        deadlines.forget(now)
    assert deadlines.ends == {}
    assert deadlines.lasting(ENTRY | {b"10.0.0.2": b"999999"}, now) == {b"10.0.0.2": b"999999"}


def test_the_end_of_all_is_told_once() -> None:
    deadlines = Deadlines()
    deadlines.vouch_until(1000, Now(900, 500))
    asked = [deadlines.some_lapsed(Now(wall, wall - 400)) for wall in (999, 1000, 1001)]
    assert asked == [False, True, False]
