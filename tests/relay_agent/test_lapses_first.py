"""An entry ends on time even while a changed table takes long to read; and our own are not read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from relay_agent.errors import BrokenTable
from relay_agent.install import install, install_records
from relay_agent.keeper import Keeper
from relay_agent.lmdb_table import update_lmdb
from relay_agent.tables import Table
from relay_agent.text import Records, to_records
from tests.relay_agent.clocks import Clocks
from tests.relay_agent.tools import LMDB, entries

FIRST, SECOND = entries("10.0.0.1", expiry=1060), entries("10.0.0.2", expiry=9000)
KINDS = ["lmdb", "text"]


@pytest.fixture
def clocks() -> Clocks:
    return Clocks(wall=1000, boot=50)


@pytest.fixture
def keeper(tmp_path: Path, clocks: Clocks) -> Keeper:
    """Of tables with two entries, of which one ends in a minute."""
    keeper = Keeper(tmp_path, ["lmdb"], clocks)
    install(tmp_path, ["lmdb"], FIRST | SECOND)
    keeper.look()
    return keeper


def altered_by_another(table: Table) -> None:
    """Not a byte more or less, and in the same moment as our own last write."""
    content = table.path.read_bytes()
    with table.path.open("r+b") as file:
        file.write(content)


def slow(kind: str, meanwhile: Callable[[], None]) -> Callable[[Table], Records]:
    """`Table.read`, with something that happens before a table of this kind has been read."""
    read = Table.read

    def slowly(table: Table) -> Records:
        if table.kind == kind:
            meanwhile()
        return read(table)

    return slowly


@pytest.mark.parametrize(("changed", "other"), [KINDS, KINDS[::-1]], ids=KINDS)
def test_a_due_entry_has_been_ended_before_a_changed_table_is_read(
    keeper: Keeper, clocks: Clocks, monkeypatch: pytest.MonkeyPatch, changed: str, other: str
) -> None:
    held: list[Records] = []
    read = Table.read
    altered_by_another(Table(keeper.folder, changed))
    monkeypatch.setattr(
        Table, "read", slow(changed, lambda: held.append(read(Table(keeper.folder, other))))
    )
    clocks.advance(60)
    keeper.look()
    assert held[0] == to_records(SECOND)
    assert [read(Table(keeper.folder, kind)) for kind in KINDS] == [to_records(SECOND)] * 2


def test_an_entry_that_lapses_while_a_table_is_read_is_ended_in_the_same_look(
    keeper: Keeper, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered_by_another(Table(keeper.folder, "lmdb"))
    monkeypatch.setattr(Table, "read", slow("lmdb", lambda: clocks.advance(60)))
    keeper.look()
    monkeypatch.undo()
    assert [Table(keeper.folder, kind).read() for kind in KINDS] == [to_records(SECOND)] * 2


def never(*_: object) -> Records:
    raise AssertionError("it was read")


def test_what_was_installed_here_is_not_read_again_for_an_entry_to_end(
    keeper: Keeper, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = entries("10.0.0.3", expiry=9000)
    with monkeypatch.context() as no_reading:
        no_reading.setattr("relay_agent.lmdb_table.check_lmdb", never)
        no_reading.setattr("relay_agent.tables.read_text", never)
        install(keeper.folder, ["lmdb"], FIRST | SECOND | third)
        keeper.look()
        clocks.advance(60)
        keeper.look()
    for kind in KINDS:
        altered_by_another(Table(keeper.folder, kind))  # so that it is read after all
        assert Table(keeper.folder, kind).read() == to_records(SECOND | third)


def test_what_lapses_during_an_installation_is_not_put_back(tmp_path: Path) -> None:
    def still(records: Records) -> Records:
        return {key: value for key, value in records.items() if key != b"10.0.0.1"}

    install(tmp_path, ["lmdb"], {})
    install_records(tmp_path, ["lmdb"], to_records(FIRST | SECOND), still)
    assert [Table(tmp_path, kind).read() for kind in KINDS] == [to_records(SECOND)] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_wrote_in_the_same_moment_is_read_again(tmp_path: Path, kind: str) -> None:
    install(tmp_path, ["lmdb"], FIRST)
    table = Table(tmp_path, kind)
    content = table.path.read_bytes()
    with table.path.open("r+b") as file:
        file.write(bytes(len(content)))
    with pytest.raises(BrokenTable):
        table.read()


def test_a_table_that_cannot_be_stamped_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / LMDB
    update_lmdb(path, FIRST)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refuse)
    update_lmdb(path, SECOND)
    monkeypatch.setattr("relay_agent.lmdb_table.check_lmdb", never)
    with pytest.raises(AssertionError, match="it was read"):
        Table(tmp_path, "lmdb").read()
