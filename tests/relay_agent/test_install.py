"""One call brings the text and every table to the entries, or says which one it could not."""

from __future__ import annotations

import os
import pickle
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay_agent import install as install_module
from relay_agent import postmap as our_postmap
from relay_agent.errors import BrokenTable, TableError
from relay_agent.files import folder_lock
from relay_agent.install import InstallError, install
from relay_agent.lmdb_table import read_lmdb
from relay_agent.tables import TYPES, Table, tables
from relay_agent.text import IPAddress, render_records, render_text, to_records
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

pytestmark = pytest.mark.postfix
ALL_FILES = ["smtp_whitelist", "smtp_whitelist.cdb", "smtp_whitelist.db", LMDB]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def contents(folder: Path) -> list[dict[bytes, bytes]]:
    return [table.read() for table in tables(folder, TYPES)]


def test_text_and_all_tables_hold_the_same(tmp_path: Path) -> None:
    folder, etc = tmp_path / "map", tmp_path
    folder.mkdir()
    wanted = many(300)
    report = install(folder, TYPES, wanted)
    assert files(folder) == ALL_FILES
    assert (folder / "smtp_whitelist").read_bytes() == render_text(wanted)
    assert listed("lmdb", folder / "smtp_whitelist", etc) == as_text(wanted)
    assert listed("hash", folder / "smtp_whitelist", etc) == as_text(wanted)
    for address, expiry in list(as_text(wanted).items())[:3]:
        assert postmap(etc, "-q", address, f"cdb:{folder}/smtp_whitelist") == f"{expiry}\n"
    assert contents(folder) == [to_records(wanted)] * 4
    assert (report.entries, report.changed) == (300, True)


def test_an_empty_map_is_a_text_without_lines_and_tables_without_records(tmp_path: Path) -> None:
    install(tmp_path, TYPES, {})
    assert files(tmp_path) == ALL_FILES
    assert (tmp_path / "smtp_whitelist").read_bytes() == b""
    assert contents(tmp_path) == [{}] * 4


def test_only_the_types_that_are_asked_for_are_written(tmp_path: Path) -> None:
    install(tmp_path, ["lmdb"], many(3))
    assert files(tmp_path) == ["smtp_whitelist", LMDB]


def test_everybody_may_read_the_tables_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        install(tmp_path, TYPES, many(3))
    finally:
        os.umask(before)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ALL_FILES} == {0o644}


@given(st.lists(entry_sets, min_size=1, max_size=3))
@settings(max_examples=8, deadline=None)
def test_after_any_sequence_all_hold_the_last_entries(
    updates: list[dict[IPAddress, int]],
) -> None:
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        for wanted in updates:
            install(Path(folder), TYPES, wanted)
            assert contents(Path(folder)) == [to_records(wanted)] * 4


def test_what_is_right_already_is_not_touched(tmp_path: Path) -> None:
    install(tmp_path, TYPES, many(20))
    before = {name: (tmp_path / name).stat() for name in ALL_FILES}
    report = install(tmp_path, TYPES, many(20))
    assert not report.changed
    for name, seen in before.items():
        now = (tmp_path / name).stat()
        assert (now.st_ino, now.st_mtime_ns) == (seen.st_ino, seen.st_mtime_ns), name


def test_a_new_hash_or_cdb_table_is_another_file_for_that_is_how_postfix_tells(
    tmp_path: Path,
) -> None:
    install(tmp_path, TYPES, many(3))
    with (tmp_path / "smtp_whitelist.db").open("rb") as held:
        install(tmp_path, TYPES, many(4))
        assert os.fstat(held.fileno()).st_nlink == 0


def test_the_text_is_never_younger_than_a_table_else_smtpd_warns(tmp_path: Path) -> None:
    install(tmp_path, TYPES, many(3))
    (tmp_path / "smtp_whitelist").unlink()
    install(tmp_path, TYPES, many(3))
    times = {name: (tmp_path / name).stat().st_mtime_ns for name in ALL_FILES}
    assert times.pop("smtp_whitelist") <= min(times.values())


@pytest.mark.parametrize("name", ALL_FILES)
@pytest.mark.parametrize("content", [b"", b"\1garbage\xff" * 999], ids=["empty", "garbage"])
def test_any_broken_file_is_mended(tmp_path: Path, name: str, content: bytes) -> None:
    install(tmp_path, TYPES, many(9))
    (tmp_path / name).write_bytes(content)
    install(tmp_path, TYPES, many(9))
    assert contents(tmp_path) == [to_records(many(9))] * 4


@pytest.mark.parametrize("name", ["smtp_whitelist.db", "smtp_whitelist.cdb"])
@pytest.mark.parametrize("part", [0.1, 0.4, 0.9])
def test_a_cut_table_is_mended(tmp_path: Path, name: str, part: float) -> None:
    install(tmp_path, TYPES, many(200))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * part)])
    install(tmp_path, TYPES, many(200))
    assert contents(tmp_path) == [to_records(many(200))] * 4


def test_a_table_with_one_entry_too_many_is_mended(tmp_path: Path) -> None:
    install(tmp_path, TYPES, many(9))
    other = tmp_path / "other"
    other.mkdir()
    install(other, TYPES, many(10))
    for name in ("smtp_whitelist.db", "smtp_whitelist.cdb"):
        (other / name).replace(tmp_path / name)
    install(tmp_path, TYPES, many(9))
    assert contents(tmp_path) == [to_records(many(9))] * 4


def test_the_machines_own_postfix_configuration_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_CONFIG", str(tmp_path / "nowhere"))
    install(tmp_path, ["hash"], many(2))
    assert listed("hash", tmp_path / "smtp_whitelist", tmp_path) == as_text(many(2))


def dropped(kind: str) -> list[str]:
    """The types that remain."""
    return [other for other in TYPES if other != kind]


@pytest.mark.parametrize("kind", TYPES)
def test_a_table_whose_type_is_dropped_is_emptied_and_stays_in_its_place(
    tmp_path: Path, kind: str
) -> None:
    table = Table(tmp_path, kind)
    install(tmp_path, TYPES, many(9))
    report = install(tmp_path, dropped(kind), many(9))
    assert table.read() == {}
    assert table.path.stat().st_mode & 0o777 == 0o644
    assert [Table(tmp_path, other).read() for other in dropped(kind)] == [to_records(many(9))] * 2
    assert (report.leftovers, report.entries) == ([table.path.name], 9)
    assert [name for name, change in report.changes.items() if change] == [table.path.name]
    assert not install(tmp_path, dropped(kind), many(9)).changed
    install(tmp_path, TYPES, many(9))
    assert contents(tmp_path) == [to_records(many(9))] * 4


@pytest.mark.parametrize("kind", TYPES)
def test_a_broken_table_whose_type_is_dropped_is_a_sound_empty_one_afterwards(
    tmp_path: Path, kind: str
) -> None:
    table = Table(tmp_path, kind)
    table.path.write_bytes(b"\1garbage\xff" * 999)
    report = install(tmp_path, dropped(kind), many(2))
    assert report.changes[table.path.name].rebuilt
    assert table.read() == {}


def test_a_table_whose_type_is_dropped_fails_by_name_where_postmap_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, TYPES, many(1))
    monkeypatch.setattr("relay_agent.programs.SYSTEM_FOLDERS", "")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InstallError, match="postmap is not installed") as caught:
        install(tmp_path, ["lmdb"], many(2))
    assert set(caught.value.failures) == {"smtp_whitelist.db", "smtp_whitelist.cdb"}
    assert read_lmdb(tmp_path / LMDB) == many(2)


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    """A folder in which the hash table cannot be replaced: a folder stands in its place."""
    (tmp_path / "smtp_whitelist.db" / "x").mkdir(parents=True)
    return tmp_path


def test_one_that_fails_is_named_and_the_others_are_brought_up_to_date(unwritable: Path) -> None:
    with pytest.raises(InstallError, match=r"smtp_whitelist\.db: .*directory") as caught:
        install(unwritable, TYPES, many(4))
    assert set(caught.value.failures) == {"smtp_whitelist.db"}
    assert set(caught.value.report.changes) == {"smtp_whitelist", LMDB, "smtp_whitelist.cdb"}
    assert read_lmdb(unwritable / LMDB) == many(4)
    assert Table(unwritable, "cdb").read() == to_records(many(4))


def test_a_table_whose_type_is_dropped_fails_by_name_where_it_cannot_be_replaced(
    unwritable: Path,
) -> None:
    with pytest.raises(InstallError, match=r"smtp_whitelist\.db: .*directory") as caught:
        install(unwritable, ["lmdb"], many(4))
    assert caught.value.report.leftovers == ["smtp_whitelist.db"]
    assert read_lmdb(unwritable / LMDB) == many(4)


def test_the_error_survives_a_task_queue(unwritable: Path) -> None:
    with pytest.raises(InstallError) as caught:
        install(unwritable, TYPES, many(4))
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 -- our own bytes
    assert str(again) == str(caught.value)


def test_a_missing_postmap_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay_agent.programs.SYSTEM_FOLDERS", "")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InstallError, match="postmap is not installed") as caught:
        install(tmp_path, ["lmdb", "hash"], many(1))
    assert set(caught.value.failures) == {"smtp_whitelist.db"}


def test_a_postmap_that_stores_something_else_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        our_postmap, "render_records", lambda records: render_records(records) + b"x y\n"
    )
    with pytest.raises(InstallError, match="postmap built another table than was asked for"):
        install(tmp_path, ["hash"], many(1))
    assert not (tmp_path / "smtp_whitelist.db").exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="gone does not exist"):
        install(tmp_path / "gone", ["lmdb"], {})


def test_a_folder_that_stays_locked_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install_module, "LOCK_SECONDS", 0.05)
    with (
        folder_lock(tmp_path, 1),
        pytest.raises(InstallError, match="stayed locked by another process"),
    ):
        install(tmp_path, ["lmdb"], {})
    assert files(tmp_path) == []


def test_an_unknown_type_or_a_bad_entry_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown table type 'btree'; known are lmdb, hash, cdb"):
        install(tmp_path, ["lmdb", "btree"], {})
    with pytest.raises(ValueError, match="not an expiry"):
        install(tmp_path, ["lmdb"], entries("10.0.0.1", expiry=-1))
    assert files(tmp_path) == []


def test_what_a_killed_writer_left_is_tidied_up(tmp_path: Path) -> None:
    (tmp_path / ".build-left").mkdir()
    (tmp_path / ".smtp_whitelist.left.tmp").touch()
    install(tmp_path, ["lmdb"], {})
    assert files(tmp_path) == ["smtp_whitelist", LMDB]


def test_errors_name_the_file() -> None:
    assert issubclass(BrokenTable, TableError)
    assert str(BrokenTable(Path("/map/x.lmdb"), "cut")) == "/map/x.lmdb is broken: cut"
