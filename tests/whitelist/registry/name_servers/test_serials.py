"""Serial arithmetic, with the RFC's own examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whitelist.registry.name_servers.serials import SERIALS, is_newer

serials = st.integers(0, SERIALS - 1)


@pytest.mark.parametrize(
    ("new", "old", "newer"),
    [
        (1, 0, True),
        (0, 1, False),
        (7, 7, False),
        (44, 0, True),
        (0, SERIALS - 1, True),  # after the highest comes the lowest
        (SERIALS - 1, 0, False),
        (100, SERIALS - 100, True),
        (2**31 - 1, 0, True),
        (2**31, 0, False),  # left open by the RFC, in either direction
        (0, 2**31, False),
        (2**31 + 1, 0, False),
        (2026112401, 2026112400, True),
        (2026112401, 20261124, True),
    ],
)
def test_newer_is_decided_on_the_circle(new, old, newer):
    assert is_newer(new, old) is newer


@given(serials, serials)
def test_of_two_serials_one_is_newer_unless_they_are_equal_or_opposite(one, other):
    undecided = one == other or abs(one - other) == SERIALS // 2
    assert is_newer(one, other) + is_newer(other, one) == (0 if undecided else 1)


@given(serials, st.integers(1, 2**31 - 1))
def test_adding_makes_newer(serial, step):
    assert is_newer((serial + step) % SERIALS, serial)
