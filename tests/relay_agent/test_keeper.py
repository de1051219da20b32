"""The keeper ends entries on time, alone; it never adds one and never leaves a table missing."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay_agent import files
from relay_agent.deadlines import Now
from relay_agent.files import folder_lock
from relay_agent.install import install
from relay_agent.keeper import LONGEST_SLEEP, Keeper
from relay_agent.lmdb_table import read_lmdb
from relay_agent.tables import TYPES, tables
from relay_agent.text import IPAddress, to_records
from tests.real.processes import start, stop, wait_until
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


@dataclass
class Running:
    """A keeper as it runs in production: a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_for_line(self, text: str) -> None:
        wait_until(lambda: text in self.log.read_text(), text, process=self.process)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "map").mkdir()
    log = tmp_path / "log"
    command = [sys.executable, "-m", "relay_agent.keeper", "--folder", str(tmp_path / "map")]
    with log.open("wb") as out:
        process = start([*command, "--types", "lmdb,hash"], stderr=out)
    found = Running(process, log)
    found.wait_for_line("keeping")
    yield found
    stop(process)


def test_with_nobody_else_alive_an_entry_is_gone_within_a_second_of_its_expiry(
    running: Running, tmp_path: Path
) -> None:
    path = tmp_path / "map" / LMDB
    expiry = int(time.time()) + 3
    install(tmp_path / "map", ["lmdb", "hash"], entries("10.0.0.1", expiry=expiry))
    while read_lmdb(path):
        seen = time.time()
        assert seen < expiry + 5, "it must not outlive its expiry"
        time.sleep(0.005)
    gone = time.time()
    assert expiry <= gone < expiry + 1
    wait_until(
        lambda: not any(table.read() for table in tables(tmp_path / "map", ["hash"])), "hash, text"
    )
    running.wait_for_line("lapsed entries ended: 1 in smtp_whitelist.lmdb")


def test_sigterm_ends_it_at_once_and_well(running: Running) -> None:
    running.process.terminate()
    assert running.process.wait(5) == 0


def test_killed_it_leaves_sound_tables_and_another_takes_over(
    running: Running, tmp_path: Path
) -> None:
    folder = tmp_path / "map"
    install(folder, ["lmdb"], entries("10.0.0.1", expiry=int(time.time()) - 1))
    running.process.kill()
    running.process.wait()
    Keeper(folder, ["lmdb"]).look()
    assert read_lmdb(folder / LMDB) == {}


def test_idle_it_takes_next_to_no_time(running: Running, tmp_path: Path) -> None:
    install(tmp_path / "map", ["lmdb"], entries("10.0.0.1"))
    time.sleep(1.5)
    before = running.cpu_seconds()
    time.sleep(3)
    assert running.cpu_seconds() - before < 0.3


@pytest.mark.parametrize("arguments", [["--types", "lmdb,btree"], []])
def test_a_wrong_command_line_is_refused_with_the_reason(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "relay_agent.keeper", *arguments]
    if arguments:
        command += ["--folder", "."]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 2
    assert ("unknown table type 'btree'" if arguments else "--folder") in done.stderr
