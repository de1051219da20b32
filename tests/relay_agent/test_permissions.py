"""A writer without the rights says what it could not write, and does the rest."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay_agent.install import InstallError, install
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


def test_a_table_that_cannot_be_written_is_named_and_the_text_is_written(folder: Path) -> None:
    given_to_nobody(folder)
    with pytest.raises(InstallError, match=f"Permission denied.*{LMDB}") as caught:
        install(folder, ["lmdb"], entries("10.0.0.1"))
    assert set(caught.value.failures) == {LMDB}
    assert (folder / "smtp_whitelist").read_bytes() == b"10.0.0.1\t4000000000\n"


def test_a_folder_that_cannot_be_locked_is_named(folder: Path) -> None:
    os.seteuid(0)
    (folder / ".lock").unlink()
    os.seteuid(NOBODY)
    with pytest.raises(InstallError, match=r"Permission denied.*\.lock"):
        install(folder, ["lmdb"], entries("10.0.0.1"))
