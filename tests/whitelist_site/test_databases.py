"""DATABASE_URL: understood as a whole, or one line that repeats no password."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from whitelist_site.databases import database_from_url, make_private
from whitelist_site.env import Environment, SettingError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("url", "engine", "name"),
    [
        ("sqlite:////srv/a.sqlite3", "sqlite3", "/srv/a.sqlite3"),
        ("sqlite:///here.sqlite3", "sqlite3", "here.sqlite3"),
        ("postgres://u:p%40ss@[::1]:5433/db", "postgresql", "db"),
        ("postgresql:///db", "postgresql", "db"),
    ],
)
def test_a_database_url_is_understood(url, engine, name, tmp_path: Path):
    found = database_from_url(Environment({"DATABASE_URL": url}), tmp_path)
    assert found["ENGINE"] == f"django.db.backends.{engine}"
    assert found["NAME"] == name


def test_the_parts_of_a_postgres_url_arrive_unquoted(tmp_path: Path):
    url = "postgres://u%2Fser:p%40ss@db.example:5433/whitelist"
    found = database_from_url(Environment({"DATABASE_URL": url}), tmp_path)
    parts = (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"])
    assert parts == ("u/ser", "p@ss", "db.example", "5433")


def test_options_of_libpq_reach_it(tmp_path: Path):
    query = "sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=3&options=-c%20a%3Db"
    url = f"postgres://u:p@h/db?{query}&target_session_attrs=read-write"
    options = database_from_url(Environment({"DATABASE_URL": url}), tmp_path)["OPTIONS"]
    assert options.pop("pool")["timeout"] == 2
    assert options == {
        "sslmode": "verify-full",
        "sslrootcert": "/etc/ca.pem",
        "connect_timeout": "3",
        "options": "-c a=b",
        "target_session_attrs": "read-write",
    }


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@h/db",
        "postgres://u:hunter2@h",
        "postgres://u:hunter2@h:x/db",
        "postgres://u:hunter2/x@h/db",
        "postgres://u:hunter2#x@h/db",
        "postgres://u:1?hunter2@h/db",
        "postgres://u:[hunter2@h/db",
        "postgres://u:hunter2℀@h/db",
        "postgres://u@h/db?password=hunter2",
        "postgres://u@h/db?hunter2=1",
        "postgres://u@h/db?hunter2",
        "postgres://u:hunter2@h/db?sslmode=ja",
        "postgres://u:hunter2@h/db?sslmode=",
        "postgres://u:hunter2@h/db?connect_timeout=soon",
        "postgres://u:hunter2@h/db?sslmode=require&sslmode=disable",
        "postgres://u:hunter2@h/db#x",
        "sqlite:////srv/a.sqlite3?timeout=5&hunter2",
        "sqlite://hunter2/a.sqlite3",
    ],
)
def test_a_malformed_database_url_is_an_error_that_repeats_no_password(url, tmp_path: Path):
    with pytest.raises(SettingError) as caught:
        database_from_url(Environment({"DATABASE_URL": url}), tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_new_database_is_for_its_owner_alone_and_an_old_one_stays(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/private.sqlite3"
    database = database_from_url(Environment({"DATABASE_URL": url}), tmp_path)
    file = tmp_path / "private.sqlite3"
    make_private(database)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"data")
    file.chmod(0o640)
    make_private(database)
    assert file.read_bytes() == b"data"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_any_command_that_makes_the_database_makes_it_for_its_owner_alone(tmp_path: Path):
    kept = {name: os.environ[name] for name in ("PATH", "SECRET_KEY")}
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=ROOT, env={**kept, "VAR_DIR": str(tmp_path)}, check=True)
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("*.sqlite3*")}
    assert "whitelist.sqlite3" in files
    assert set(files.values()) == {0o600}
