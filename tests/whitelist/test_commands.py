"""A command without a usable database ends in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    ("publish_access_map",),
    ("sync_registry",),
    ("follow_zone", "ee.nthu.edu.tw", "--server", "192.0.2.1"),
    ("end_due_entries",),
    ("import_networks", "networks.csv"),
    ("import_registry", "hosts.csv", "--format", "csv"),
    ("demo_data",),
    ("relay", "list"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "networks.csv").write_text("cidr,kind\n140.114.0.0/16,static\n")
    (tmp_path / "hosts.csv").write_text("address,hostname\n140.114.64.1,a.nthu.edu.tw\n")
    return tmp_path


def run(folder: Path, database: str, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *command],
        cwd=folder,
        env={**os.environ, "DATABASE_URL": database, "VAR_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def assert_one_line(done: subprocess.CompletedProcess[str], command: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    told = done.stderr.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"CommandError: {command}: the database cannot be used")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_on_a_database_without_tables_it_says_so_in_one_line(
    command: tuple[str, ...], folder: Path
) -> None:
    done = run(folder, f"sqlite:///{folder}/empty.sqlite3", command)
    assert_one_line(done, command[0])


def test_on_a_database_that_does_not_answer_it_says_so_in_one_line(folder: Path) -> None:
    nobody = f"postgres://nobody:hidden-word@127.0.0.1:{free_port()}/whitelist"
    done = run(folder, nobody, ("end_due_entries",))
    assert (done.returncode, done.stdout) == (1, "")
    # The pool has logged why it found no connection.
    last = done.stderr.splitlines()[-1]
    assert last.startswith("CommandError: end_due_entries: the database cannot be used")
    assert "Traceback" not in done.stderr
    assert "hidden-word" not in done.stderr
