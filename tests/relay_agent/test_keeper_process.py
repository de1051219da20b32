"""The keeper as a process: on time, frugal, and plain about a wrong command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay_agent.install import install
from relay_agent.keeper import Keeper
from relay_agent.lmdb_table import read_lmdb
from relay_agent.tables import tables
from tests.real.processes import start, stop, wait_until
from tests.relay_agent.tools import LMDB, entries

pytestmark = pytest.mark.postfix
KEEPER = [sys.executable, "-m", "relay_agent.keeper"]


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
    command = [*KEEPER, "--folder", str(tmp_path / "map"), "--types", "lmdb,hash"]
    with log.open("wb") as out:
        process = start(command, stderr=out)
    found = Running(process, log)
    found.wait_for_line("keeping")
    yield found
    stop(process)


def test_with_nobody_else_alive_an_entry_is_gone_within_a_second_of_its_expiry(
    running: Running, tmp_path: Path
) -> None:
    path = tmp_path / "map" / LMDB
    expiry = int(time.time()) + 2
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
    time.sleep(1.2)
    before = running.cpu_seconds()
    time.sleep(1.5)
    assert running.cpu_seconds() - before < 0.2


@pytest.mark.parametrize("types", ["lmdb,hash", "lmdb hash", "lmdb, hash", " lmdb ,\t\nhash,"])
def test_types_are_separated_by_commas_or_white_space(tmp_path: Path, types: str) -> None:
    command = [*KEEPER, "--folder", str(tmp_path), "--types", types]
    process = start(command, stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert process.stderr.readline().decode() == f"keeper: keeping {tmp_path} (lmdb, hash)\n"
    stop(process)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--folder", ".", "--types", "lmdb,btree"], "unknown table type 'btree'"),
        (["--folder", ".", "--types", " , "], "--types names no table type"),
        ([], "--folder"),
    ],
)
def test_a_wrong_command_line_is_refused_with_the_reason(arguments: list[str], reason: str) -> None:
    done = subprocess.run([*KEEPER, *arguments], capture_output=True, check=False, text=True)
    assert done.returncode == 2
    assert reason in done.stderr
