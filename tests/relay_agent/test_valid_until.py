"""At not_after everything goes, by whichever clock says so first; only a later one gives time."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_agent.deadlines import LONG_AGO, NEVER, Deadlines, End, Now
from relay_agent.install import install
from relay_agent.keeper import Keeper
from relay_agent.lmdb_table import read_lmdb
from relay_agent.tables import Table
from relay_agent.text import Records, to_records
from tests.relay_agent.clocks import Clocks
from tests.relay_agent.tools import LMDB, entries

ENTRY = {b"10.0.0.1": b"9000"}


@pytest.fixture
def deadlines() -> Deadlines:
    """Vouched for until wall time 1000, 100 s from now."""
    found = Deadlines()
    found.follow(Now(900, 500))
    found.note(ENTRY, Now(900, 500))
    found.vouch_until(1000, Now(900, 500))
    return found


@pytest.mark.parametrize(
    ("now", "lasts"),
    [
        (Now(999.9, 599.9), True),
        (Now(1000, 600), False),
        (Now(500, 599.9), True),
        (Now(500, 600), False),
        (Now(1000, 550), False),
    ],
    ids=["before", "at it", "set back, before", "set back, at it", "ahead"],
)
def test_it_is_over_when_the_first_clock_says_so(
    deadlines: Deadlines, now: Now, lasts: bool
) -> None:
    assert bool(deadlines.lasting(ENTRY, now)) is lasts


def test_the_next_end_is_not_after_the_end_of_all(deadlines: Deadlines) -> None:
    assert deadlines.next_end(ENTRY, Now(900, 500)) == End(1000, 600)
    assert deadlines.next_end({}, Now(900, 500)) == NEVER


def test_the_same_not_after_again_gives_no_time_and_a_later_one_does(deadlines: Deadlines) -> None:
    late = Now(500, 560)  # a wall clock set back by 460 s
    deadlines.follow(late)
    deadlines.vouch_until(1000, late)
    assert not deadlines.lasting(ENTRY, Now(540, 600))
    deadlines.vouch_until(1001, Now(1000.5, 600))
    assert deadlines.lasting(ENTRY, Now(1000.9, 600.4))


def test_a_wall_clock_set_ahead_and_back_brings_it_nearer(deadlines: Deadlines) -> None:
    deadlines.follow(Now(990, 510))
    deadlines.follow(Now(911, 511))
    assert not deadlines.lasting(ENTRY, Now(921, 521))


def test_before_anybody_vouched_nothing_lasts() -> None:
    assert Deadlines(valid_until=LONG_AGO).lasting(ENTRY, Now(1, 1)) == {}


def test_the_keeper_empties_the_tables_at_it_and_tells_what_it_read(tmp_path: Path) -> None:
    clocks = Clocks(wall=900, boot=500)
    seen: list[tuple[str, Records]] = []

    def read(table: Table, records: Records) -> None:
        seen.append((table.kind, records))

    deadlines = Deadlines()
    deadlines.vouch_until(1000, clocks())
    keeper = Keeper(tmp_path, ["lmdb"], clocks, deadlines, read=read)
    wanted = entries("10.0.0.1", "2001:db8::1", expiry=9000)
    install(tmp_path, ["lmdb"], wanted)
    clocks.advance(99.5)
    assert keeper.look() == 0.5
    assert read_lmdb(tmp_path / LMDB) == wanted
    clocks.advance(0.5)
    keeper.look()
    assert read_lmdb(tmp_path / LMDB) == {}
    full = to_records(wanted)
    assert seen == [("lmdb", full), ("text", full), ("lmdb", {}), ("text", {})]
