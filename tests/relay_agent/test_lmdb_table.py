"""The LMDB table holds exactly the entries, whatever it held before."""

from __future__ import annotations

import tempfile
from pathlib import Path

import lmdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay_agent.errors import BrokenTable, LockTimeoutError, MissingFolderError
from relay_agent.files import replace_file
from relay_agent.lmdb_table import Change, change_in_place, commit_number, read_lmdb, update_lmdb
from relay_agent.text import IPAddress, render_text, to_records
from tests.relay_agent.tools import (
    LMDB,
    QUICK,
    as_text,
    entries,
    entry_sets,
    listed,
    many,
    postmap,
)


@given(st.lists(entry_sets, min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_after_any_sequence_of_updates_it_holds_the_last_entries(
    updates: list[dict[IPAddress, int]],
) -> None:
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        path = Path(folder) / LMDB
        for number, wanted in enumerate(updates):
            change = update_lmdb(path, wanted)
            assert change.rebuilt is (number == 0), "a sound table is never replaced"
            assert read_lmdb(path) == wanted
        assert [found.name for found in Path(folder).iterdir()] == [LMDB]


def test_only_the_difference_is_written(tmp_path: Path) -> None:
    path = tmp_path / LMDB
    update_lmdb(path, entries("10.0.0.1", "10.0.0.2", "10.0.0.3"))
    number = commit_number(path)
    wanted = entries("10.0.0.2", "10.0.0.4") | entries("10.0.0.3", expiry=5)
    assert update_lmdb(path, wanted) == Change(put=2, deleted=1)
    assert commit_number(path) == number + 1, "one transaction"


def test_a_table_that_is_right_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / LMDB
    update_lmdb(path, many(50))
    before = path.stat(), path.read_bytes()
    assert not update_lmdb(path, many(50))
    assert (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) == (
        before[0].st_mtime_ns,
        before[0].st_ino,
        before[1],
    )


def test_it_is_changed_in_place_so_that_open_sessions_see_it(tmp_path: Path) -> None:
    path = tmp_path / LMDB
    update_lmdb(path, many(50))
    before = path.stat().st_ino
    update_lmdb(path, many(60, first=20))
    assert path.stat().st_ino == before


def test_thousands_of_entries_come_and_go_without_the_check_crying_wolf(tmp_path: Path) -> None:
    path = tmp_path / LMDB
    update_lmdb(path, {})
    for wanted in (many(6000), many(3000, first=2500), many(10, first=9), {}, many(6000), {}):
        assert not update_lmdb(path, wanted).rebuilt
        assert read_lmdb(path) == wanted


def test_it_is_the_same_to_postfix_as_one_that_postmap_built(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    wanted = many(500)
    update_lmdb(ours.with_suffix(".lmdb"), wanted)
    replace_file(theirs, render_text(wanted))
    assert listed("lmdb", ours, tmp_path) == as_text(wanted)
    postmap(tmp_path, f"lmdb:{theirs}")
    assert records(ours.with_suffix(".lmdb")) == records(theirs.with_suffix(".lmdb"))


def test_a_table_that_postmap_built_is_taken_over_in_place(tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    replace_file(path, render_text(many(300)))
    postmap(tmp_path, f"lmdb:{path}")
    assert read_lmdb(tmp_path / "theirs.lmdb") == many(300)
    assert not update_lmdb(tmp_path / "theirs.lmdb", many(400, first=100)).rebuilt
    assert listed("lmdb", path, tmp_path) == as_text(many(400, first=100))


def test_a_table_in_the_style_without_nuls_is_replaced_for_postfix_must_not_meet_both(
    tmp_path: Path,
) -> None:
    path = tmp_path / LMDB
    with lmdb.open(str(path), subdir=False, lock=False) as env, env.begin(write=True) as change:
        change.put(b"10.0.0.1", b"5")
    assert update_lmdb(path, entries("10.0.0.1", expiry=5)).rebuilt
    assert records(path) == {b"10.0.0.1\0": b"5\0"}


def test_reading_a_missing_table_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=LMDB):
        read_lmdb(tmp_path / LMDB)


def test_a_record_that_is_no_entry_is_reported_by_reading_and_removed_by_updating(
    tmp_path: Path,
) -> None:
    path = tmp_path / LMDB
    update_lmdb(path, entries("10.0.0.1"))
    change_in_place(path, lambda records: records | {b"unknown": b"OK"})
    with pytest.raises(BrokenTable, match="unknown"):
        read_lmdb(path)
    assert update_lmdb(path, entries("10.0.0.1")) == Change(deleted=1)


def test_what_lapses_while_the_difference_is_taken_is_neither_put_nor_left(tmp_path: Path) -> None:
    path = tmp_path / LMDB
    update_lmdb(path, entries("10.0.0.1", "10.0.0.2"))
    full = to_records(entries("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"))
    answers = [full, to_records(entries("10.0.0.2", "10.0.0.4"))]
    assert change_in_place(path, lambda _: answers.pop(0)) == Change(put=1, deleted=1)
    assert [read_lmdb(path), answers] == [entries("10.0.0.2", "10.0.0.4"), []]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFolderError, match="gone does not exist"):
        update_lmdb(tmp_path / "gone" / LMDB, {})


def test_it_waits_no_longer_than_it_says_for_somebody_who_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / LMDB
    update_lmdb(path, {})
    monkeypatch.setattr("relay_agent.lmdb_table.LOCK_SECONDS", 0.05)

    def change_within(found: dict[bytes, bytes]) -> dict[bytes, bytes]:
        update_lmdb(path, entries("10.0.0.1"))  # needs the lock that reading holds
        return found

    with pytest.raises(LockTimeoutError, match=LMDB):
        change_in_place(path, change_within)


def records(path: Path) -> dict[bytes, bytes]:
    """What lmdb itself finds."""
    with (
        lmdb.open(str(path), subdir=False, lock=False, readonly=True) as env,
        env.begin() as reading,
    ):
        return dict(reading.cursor())
