"""The keeper ends entries on time, alone; it never adds one and never leaves a table missing."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay_agent import files
from relay_agent.deadlines import Now
from relay_agent.files import folder_lock
from relay_agent.install import install
from relay_agent.keeper import LONGEST_SLEEP, Keeper
from relay_agent.lmdb_table import read_lmdb
from relay_agent.tables import TYPES, leftovers, tables
from relay_agent.text import IPAddress, to_records
from tests.relay_agent.tools import LMDB, entries

pytestmark = pytest.mark.postfix


@dataclass
class Clocks:
    """Clocks that a test sets."""

    wall: float = 1000.0
    boot: float = 50.0

    def __call__(self) -> Now:
        return Now(self.wall, self.boot)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def keeper(tmp_path: Path, clocks: Clocks) -> Keeper:
    return Keeper(tmp_path, TYPES, clocks)


def held(folder: Path) -> list[dict[bytes, bytes]]:
    return [table.read() for table in tables(folder, TYPES)]


def two(first: int, second: int) -> dict[IPAddress, int]:
    return entries("10.0.0.1", expiry=first) | entries("2001:db8::1", expiry=second)


def test_an_entry_is_in_every_table_until_its_expiry_and_in_none_at_it(
    keeper: Keeper, clocks: Clocks
) -> None:
    install(keeper.folder, TYPES, two(1060, 1120))
    clocks.advance(59.9)
    keeper.look()
    assert held(keeper.folder) == [to_records(two(1060, 1120))] * 4
    clocks.advance(0.1)
    keeper.look()
    assert held(keeper.folder) == [to_records(entries("2001:db8::1", expiry=1120))] * 4
    clocks.advance(60)
    keeper.look()
    assert held(keeper.folder) == [{}] * 4


def test_one_line_is_logged_for_each_pass_that_ended_something(
    keeper: Keeper, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    install(keeper.folder, TYPES, two(1060, 1060))
    for _ in range(4):
        clocks.advance(30)
        keeper.look()
    counts = ", ".join(f"2 in {table.path.name}" for table in tables(keeper.folder, TYPES))
    assert caplog.messages == [f"lapsed entries ended: {counts}"]


def test_a_wall_clock_set_back_does_not_lengthen_an_entry(keeper: Keeper, clocks: Clocks) -> None:
    install(keeper.folder, TYPES, two(1060, 1120))
    keeper.look()
    clocks.wall -= 3600
    clocks.advance(60)
    keeper.look()
    assert held(keeper.folder) == [to_records(entries("2001:db8::1", expiry=1120))] * 4


def test_nor_does_a_publisher_that_believes_the_late_clock(keeper: Keeper, clocks: Clocks) -> None:
    install(keeper.folder, TYPES, two(1060, 1120))
    keeper.look()
    clocks.wall -= 3600
    clocks.advance(60)
    keeper.look()
    install(keeper.folder, TYPES, two(1060, 1120))
    keeper.look()
    assert read_lmdb(keeper.folder / LMDB) == entries("2001:db8::1", expiry=1120)


def test_a_wall_clock_set_ahead_ends_what_is_over_by_it(keeper: Keeper, clocks: Clocks) -> None:
    install(keeper.folder, TYPES, two(1060, 1120))
    keeper.look()
    clocks.wall += 100
    keeper.look()
    assert held(keeper.folder) == [to_records(entries("2001:db8::1", expiry=1120))] * 4


def test_it_sleeps_until_the_next_expiry_and_never_over_a_second(
    keeper: Keeper, clocks: Clocks
) -> None:
    install(keeper.folder, TYPES, two(1060, 1120))
    assert keeper.look() == LONGEST_SLEEP
    clocks.advance(59.75)
    assert keeper.look() == 0.25


def test_a_change_by_a_publisher_is_seen_at_the_next_look(keeper: Keeper, clocks: Clocks) -> None:
    install(keeper.folder, TYPES, {})
    keeper.look()
    install(keeper.folder, TYPES, two(1001, 1060))
    keeper.look()
    clocks.advance(1)
    keeper.look()
    assert held(keeper.folder) == [to_records(entries("2001:db8::1", expiry=1060))] * 4


def test_while_nothing_changes_no_table_is_read_or_written(
    keeper: Keeper, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(keeper.folder, TYPES, two(1060, 1120))
    keeper.look()
    monkeypatch.setattr("relay_agent.tables.Table.read", lambda _: pytest.fail("it was read"))
    clocks.advance(30)
    keeper.look()


def test_a_missing_table_is_replaced_by_an_empty_one_and_said_once(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    install(keeper.folder, TYPES, two(1060, 1120))
    (keeper.folder / LMDB).unlink()
    for _ in range(3):
        keeper.look()
    assert read_lmdb(keeper.folder / LMDB) == {}
    assert len(caplog.messages) == 1
    assert "an empty table takes its place" in caplog.text


@pytest.mark.parametrize(
    "name", ["smtp_whitelist", LMDB, "smtp_whitelist.db", "smtp_whitelist.cdb"]
)
def test_a_broken_table_is_replaced_by_an_empty_one_and_the_others_are_kept(
    keeper: Keeper, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    install(keeper.folder, TYPES, two(1060, 1120))
    keeper.look()
    files.replace_file(keeper.folder / name, b"garbage" * 3)
    for _ in range(3):
        keeper.look()
    found = {table.path.name: table.read() for table in tables(keeper.folder, TYPES)}
    assert found.pop(name) == {}
    assert list(found.values()) == [to_records(two(1060, 1120))] * 3
    assert len(caplog.messages) == 1


def test_an_entry_ends_on_time_in_a_table_whose_type_was_dropped(
    tmp_path: Path, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    install(tmp_path, TYPES, two(1060, 1120))
    keeper = Keeper(tmp_path, ["lmdb"], clocks)
    for _ in range(3):
        clocks.advance(20)
        keeper.look()
    assert held(tmp_path) == [to_records(entries("2001:db8::1", expiry=1120))] * 4
    assert [message.split(":")[0] for message in caplog.messages] == [
        "smtp_whitelist.db",
        "smtp_whitelist.cdb",
    ], "each is said once"


def test_a_table_of_another_type_is_taken_along_once_it_is_there_and_not_missed_once_it_is_not(
    tmp_path: Path, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    keeper = Keeper(tmp_path, ["lmdb"], clocks)
    keeper.look()
    caplog.clear()
    install(tmp_path, ["lmdb", "hash"], two(1001, 1060))
    clocks.advance(1)
    keeper.look()
    (table,) = leftovers(tmp_path, ["lmdb"])
    assert table.read() == to_records(entries("2001:db8::1", expiry=1060))
    assert caplog.messages == ["smtp_whitelist.db: not asked for, and looked after all the same"]
    table.path.unlink()
    assert keeper.look() == LONGEST_SLEEP
    assert not table.path.exists()


@pytest.mark.parametrize("name", ["smtp_whitelist.db", "smtp_whitelist.cdb"])
def test_a_broken_table_of_another_type_is_replaced_by_an_empty_one(
    tmp_path: Path, clocks: Clocks, name: str
) -> None:
    (tmp_path / name).write_bytes(b"garbage" * 3)
    Keeper(tmp_path, ["lmdb"], clocks).look()
    assert [table.read() for table in leftovers(tmp_path, ["lmdb"])] == [{}]


def test_a_broken_table_that_a_publisher_mends_meanwhile_is_not_emptied(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(keeper.folder, TYPES, two(1060, 1120))
    files.replace_file(keeper.folder / "smtp_whitelist.cdb", b"garbage")

    def lock_late(folder: Path, timeout: float) -> AbstractContextManager[None]:
        install(folder, TYPES, two(1060, 1120))
        return folder_lock(folder, timeout)

    monkeypatch.setattr("relay_agent.keeper.folder_lock", lock_late)
    keeper.look()
    assert held(keeper.folder) == [to_records(two(1060, 1120))] * 4


def test_a_publisher_can_fill_again_what_the_keeper_emptied(keeper: Keeper) -> None:
    files.replace_file(keeper.folder / LMDB, b"garbage")
    keeper.look()
    assert install(keeper.folder, TYPES, two(1060, 1120)).changed
    keeper.look()
    assert held(keeper.folder) == [to_records(two(1060, 1120))] * 4


def test_what_is_no_entry_of_ours_is_taken_out(keeper: Keeper) -> None:
    files.replace_file(keeper.folder / "smtp_whitelist", b"10.0.0.1\t1060\nunknown\tOK\n")
    keeper.look()
    assert (keeper.folder / "smtp_whitelist").read_bytes() == b"10.0.0.1\t1060\n"


def test_a_writer_that_hangs_with_the_folder_does_not_lengthen_an_lmdb_entry(
    keeper: Keeper, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_agent.keeper.LOCK_SECONDS", 0.05)
    install(keeper.folder, TYPES, two(1060, 1120))
    keeper.look()
    clocks.advance(60)
    with folder_lock(keeper.folder, 1):
        keeper.look()
        assert read_lmdb(keeper.folder / LMDB) == entries("2001:db8::1", expiry=1120)
    keeper.look()
    assert held(keeper.folder) == [to_records(entries("2001:db8::1", expiry=1120))] * 4


def test_a_missing_folder_is_said_once_and_waited_for(
    tmp_path: Path, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(tmp_path / "map", TYPES, clocks)
    assert [keeper.look(), keeper.look()] == [LONGEST_SLEEP] * 2
    assert len(caplog.messages) == 1
    (tmp_path / "map").mkdir()
    keeper.look()
    assert held(tmp_path / "map") == [{}] * 4
