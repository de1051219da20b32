"""A writer without the rights says what it could not write, and does the rest."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay_agent.install import InstallError, install
from relay_agent.keeper import Keeper
from relay_agent.lmdb_table import read_lmdb
from tests.relay_agent.tools import LMDB, entries

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can step down to nobody")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that belongs to root, seen by a process that is nobody."""
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    path.chmod(0o755)
    install(path, ["lmdb"], {})
    os.seteuid(NOBODY)
    try:
        yield path
    finally:
        os.seteuid(0)
        shutil.rmtree(path)


def given_to_nobody(path: Path) -> None:
    os.seteuid(0)
    os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)


def test_a_folder_that_cannot_be_written_leaves_the_tables_and_is_named(folder: Path) -> None:
    with pytest.raises(InstallError, match=r"Permission denied.*smtp_whitelist") as caught:
        install(folder, ["lmdb"], entries("10.0.0.1"))
    assert set(caught.value.failures) == {LMDB, "smtp_whitelist"}
    assert (folder / "smtp_whitelist").read_bytes() == b""


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_tables_that_are_anothers_are_replaced_where_the_folder_may_be_written(
    folder: Path, mode: int
) -> None:
    names = ["smtp_whitelist", LMDB]
    os.seteuid(0)
    for name in names:
        (folder / name).chmod(mode)
    given_to_nobody(folder)
    wanted = entries("10.0.0.1")
    report = install(folder, ["lmdb"], wanted)
    assert all(report.changes[name].rebuilt for name in names)
    assert [(folder / name).stat().st_uid for name in names] == [NOBODY] * 2
    assert read_lmdb(folder / LMDB) == wanted


def test_an_entry_ends_in_a_table_that_may_be_read_and_not_written(folder: Path) -> None:
    os.seteuid(0)
    install(folder, ["lmdb"], entries("10.0.0.1", expiry=1))
    given_to_nobody(folder)
    Keeper(folder, ["lmdb"]).look()
    assert read_lmdb(folder / LMDB) == {}


def test_a_folder_that_cannot_be_locked_is_named(folder: Path) -> None:
    os.seteuid(0)
    (folder / ".lock").unlink()
    os.seteuid(NOBODY)
    with pytest.raises(InstallError, match=r"Permission denied.*\.lock"):
        install(folder, ["lmdb"], entries("10.0.0.1"))
