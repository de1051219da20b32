"""Writers that are killed at any moment, and writers at the same moment."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from relay_agent.install import install
from relay_agent.lmdb_table import read_lmdb
from relay_agent.tables import TYPES, tables
from relay_agent.text import to_records
from tests.real.processes import start, stop, wait_until
from tests.relay_agent.tools import as_text, listed, many, seeded

pytestmark = pytest.mark.postfix
COUNT = 400
KILLS = [5, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(600)])]


def writer(folder: Path, types: str, first: int) -> subprocess.Popen[bytes]:
    """A process that goes on writing; it has written once when this returns."""
    command = [sys.executable, "-m", "tests.relay_agent.writer", folder, types, first, COUNT]
    process = start([str(part) for part in command], stdout=subprocess.PIPE, stderr=None)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize("kills", KILLS)
def test_killed_at_any_moment_every_table_is_the_old_one_or_the_new_one(
    tmp_path: Path, kills: int
) -> None:
    folder, draw = tmp_path / "map", seeded(1)
    folder.mkdir()
    sets = [many(COUNT), many(COUNT, first=1)]
    for _ in range(kills):
        process = writer(folder, ",".join(TYPES), first=0)
        time.sleep(draw.uniform(0, 0.05))
        process.kill()
        process.wait()
        assert listed("lmdb", folder / "smtp_whitelist", tmp_path) in [as_text(s) for s in sets]
        for table in tables(folder, TYPES):
            assert table.read() in [to_records(s) for s in sets], table.path
    install(folder, TYPES, sets[0])
    assert [table.read() for table in tables(folder, TYPES)] == [to_records(sets[0])] * 4
    assert len([path for path in folder.iterdir() if path.name != ".lock"]) == 4


@pytest.mark.parametrize("kills", KILLS)
def test_killed_while_lmdb_commits_it_is_changed_in_place_ever_after(
    tmp_path: Path, kills: int
) -> None:
    path, draw = tmp_path / "smtp_whitelist.lmdb", seeded(2)
    install(tmp_path, ["lmdb"], {})
    inode = path.stat().st_ino
    for _ in range(kills):
        process = writer(tmp_path, "lmdb", first=0)
        time.sleep(draw.uniform(0, 0.02))
        process.kill()
        process.wait()
        assert read_lmdb(path) in [many(COUNT), many(COUNT, first=1)]
    assert path.stat().st_ino == inode, "a kill never made it look broken"


def test_two_writers_at_once_never_mix_their_entries(tmp_path: Path) -> None:
    sets = [to_records(many(COUNT, first=first)) for first in (0, 1, 5000, 5001)]
    writers = [writer(tmp_path, "lmdb", first) for first in (0, 5000)]
    seen: list[int] = []

    def both_were_seen() -> bool:
        for table in tables(tmp_path, ["lmdb"]):
            seen.append(sets.index(table.read()))
        return {number // 2 for number in seen} == {0, 1} and len(seen) > 200

    try:
        wait_until(both_were_seen, "both writers' entries")
    finally:
        statuses = [stop(process) for process in writers]
    assert statuses == [-15, -15], "neither writer failed before we ended it"
