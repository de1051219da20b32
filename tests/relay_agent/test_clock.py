"""True time: a wall clock that is late lengthens nothing once the service was heard."""

from __future__ import annotations

import pytest

from relay_agent.clock import Heard
from relay_agent.deadlines import Now

BOOT = 500.0
TRUE = 1_764_000_000.0
SHIFTS = [-31_536_000.0, -3600.0, -1.0, 0.0, 1.0, 3600.0, 31_536_000.0]


@pytest.fixture
def heard() -> Heard:
    return Heard().hear(TRUE, BOOT, BOOT)


@pytest.mark.parametrize("shift", SHIFTS)
def test_true_time_is_never_before_the_services(heard: Heard, shift: float) -> None:
    now = heard.true(Now(TRUE + 60 + shift, BOOT + 60))
    assert now == Now(TRUE + 60 + max(0.0, shift), BOOT + 60)


@pytest.mark.parametrize("shift", SHIFTS)
def test_the_clocks_offset_is_told_both_ways(heard: Heard, shift: float) -> None:
    assert heard.clock_offset(Now(TRUE + 60 + shift, BOOT + 60)) == shift


def test_unheard_the_wall_clock_is_all_there_is() -> None:
    assert Heard().true(Now(5.0, 1.0)) == Now(5.0, 1.0)
    assert Heard().clock_offset(Now(5.0, 1.0)) is None


def test_a_slow_answer_does_not_make_the_service_late(heard: Heard) -> None:
    slow = heard.hear(TRUE + 10, BOOT + 10, BOOT + 18)
    assert slow.service_time(BOOT + 18) == TRUE + 18


def test_a_slow_answer_is_taken_for_what_it_proves_where_nothing_was_known() -> None:
    assert Heard().hear(TRUE, BOOT, BOOT + 8).service_time(BOOT + 8) == TRUE


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_service_whose_clock_is_put_right_is_followed(heard: Heard, step: float) -> None:
    after = heard.hear(TRUE + step, BOOT, BOOT)
    assert after.service_time(BOOT) == TRUE + step


def test_the_time_in_a_verified_snapshot_holds_where_the_header_says_less(heard: Heard) -> None:
    vouched = heard.vouch(int(TRUE) + 5, BOOT).hear(TRUE - 3600, BOOT, BOOT)
    assert vouched.service_time(BOOT) == TRUE + 5


def test_a_later_snapshot_that_came_late_does_not_loosen_the_bound() -> None:
    heard = Heard().vouch(1000, 10.0).vouch(1100, 310.0)
    assert heard.service_time(310.0) == 1300.0


def test_a_snapshot_with_an_earlier_time_takes_a_wrong_bound_back() -> None:
    heard = Heard().vouch(4600, 10.0).vouch(1100, 110.0)
    assert heard.service_time(110.0) == 1100.0
