"""A table that lost its name exempts nobody any more, also where it is still looked into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from relay_agent.files import replace_file
from relay_agent.former import PAGE_SIZE, Former, empty_table
from relay_agent.lmdb_table import read_lmdb, update_lmdb
from tests.relay_agent.tools import LMDB, entries, listed


def take_it_away(path: Path) -> None:
    path.unlink()


def put_another_there(path: Path) -> None:
    replace_file(path, b"garbage")


def rename_it(path: Path) -> None:
    path.rename(path.with_name("kept"))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / LMDB
    update_lmdb(path, entries("10.0.0.1", "10.0.0.2"))
    return path


def session(path: Path) -> lmdb.Environment:
    """Looks into the file as an smtpd does that has opened it."""
    return lmdb.open(str(path), subdir=False, readonly=True, lock=False)


def exempt(env: lmdb.Environment) -> bool:
    with env.begin() as transaction:
        return any(key.startswith(b"10.0.0.1") for key, _value in transaction.cursor())


@pytest.mark.parametrize("fault", [take_it_away, put_another_there, rename_it])
def test_a_running_session_finds_nobody_in_a_table_that_lost_its_name(
    table: Path, fault: Callable[[Path], None]
) -> None:
    former = Former(table)
    former.look()
    with session(table) as env:
        assert exempt(env)
        fault(table)
        former.look()
        assert not exempt(env)
    former.close()


def test_a_table_that_has_its_name_is_left_alone(table: Path) -> None:
    before, former = table.read_bytes(), Former(table)
    for _time in range(3):
        former.look()
    former.close()
    assert table.read_bytes() == before


def test_what_took_its_place_is_left_alone_and_held_from_then_on(table: Path) -> None:
    former = Former(table)
    former.look()
    table.unlink()
    update_lmdb(table, entries("10.0.0.1"))
    former.look()
    assert list(read_lmdb(table)) == list(entries("10.0.0.1"))
    with session(table) as env:
        table.unlink()
        former.look()
        assert not exempt(env)
    former.close()


def test_a_link_in_its_place_is_not_followed(table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.lmdb"
    update_lmdb(other, entries("10.0.0.1"))
    before = other.read_bytes()
    table.unlink()
    table.symlink_to(other)
    former = Former(table)
    former.look()
    table.unlink()
    former.look()
    former.close()
    assert other.read_bytes() == before


@pytest.mark.parametrize("size", [0, PAGE_SIZE, 2 * PAGE_SIZE, 5 * PAGE_SIZE + 1, 64 << 20])
def test_what_is_written_is_a_sound_and_empty_table(tmp_path: Path, size: int) -> None:
    path = tmp_path / LMDB
    path.write_bytes(empty_table(size))
    assert read_lmdb(path) == {}
    assert listed("lmdb", path.with_suffix(""), tmp_path) == {}
