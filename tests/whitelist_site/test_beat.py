"""Several beats at once, as real processes: one sends, the others wait for it to end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.real.services import Service
from whitelist_site.leadership import FileLeadership

ROOT = Path(__file__).resolve().parents[2]
# One task a second, and no other, so that a number of messages is a number of seconds.
ONLY_ONE_TASK = (
    "UPDATE django_celery_beat_intervalschedule SET every = 1 WHERE every = 2",
    "UPDATE django_celery_beat_periodictask SET enabled = (name = 'whitelist.publish_if_owed')",
)
LEADS = re.compile(r"this beat leads|another beat leads")


@dataclass
class Beat:
    """One `celery beat`, and what it logged."""

    process: subprocess.Popen[bytes]
    log: Path

    def leads(self) -> bool:
        changes = LEADS.findall(self.log.read_text())
        return self.process.poll() is None and changes[-1:] == ["this beat leads"]

    def sent(self) -> int:
        return self.log.read_text().count("Sending due task")

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=20)


@dataclass
class Site:
    """A prepared database and the environment of its processes."""

    environment: dict[str, str]
    folder: Path
    beats: list[Beat] = field(default_factory=list)

    def start_beat(self) -> Beat:
        log = self.folder / f"beat-{len(self.beats)}.log"
        command = [sys.executable, "-m", "celery", "-A", "whitelist_site", "beat", "--pidfile="]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*command, "--loglevel", "INFO"],
                cwd=ROOT,
                env=self.environment,
                stdout=out,
                stderr=out,
            )
        self.beats.append(Beat(process, log))
        return self.beats[-1]

    def leaders(self) -> list[Beat]:
        return [beat for beat in self.beats if beat.leads()]


def environment(folder: Path, **urls: str) -> dict[str, str]:
    own = {
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
        "CELERY_BROKER_URL": f"file://{folder}/broker",
    }
    # The banner is waited for: it must not stay in a buffer.
    return {**os.environ, "PYTHONUNBUFFERED": "1", **own, **urls}


def migrate(env: dict[str, str]) -> None:
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)


@pytest.fixture(scope="module")
def prepared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    migrate(environment(folder))
    with sqlite3.connect(folder / "site.sqlite3") as connection:
        for statement in ONLY_ONE_TASK:
            connection.execute(statement)
    connection.close()
    return folder / "site.sqlite3"


@pytest.fixture
def sqlite_site(prepared_sqlite: Path, tmp_path: Path) -> Iterator[Site]:
    shutil.copy(prepared_sqlite, tmp_path / "site.sqlite3")
    site = Site(environment(tmp_path), tmp_path)
    yield site
    end_all(site)


@pytest.fixture(scope="module")
def prepared_postgres(private_postgres: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = private_postgres.url.removesuffix("/postgres") + "/beats"
    with psycopg.connect(private_postgres.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE beats")
    migrate(environment(tmp_path_factory.mktemp("prepared"), DATABASE_URL=url))
    with psycopg.connect(url) as connection:
        for statement in ONLY_ONE_TASK:
            connection.execute(statement)
    return url


@pytest.fixture
def postgres_site(prepared_postgres: str, tmp_path: Path) -> Iterator[Site]:
    site = Site(environment(tmp_path, DATABASE_URL=prepared_postgres), tmp_path)
    yield site
    end_all(site)


def end_all(site: Site) -> None:
    for beat in site.beats:
        if beat.process.poll() is None:
            beat.process.kill()
            beat.process.wait()


@pytest.fixture(params=["sqlite_site", pytest.param("postgres_site", marks=pytest.mark.services)])
def site(request: pytest.FixtureRequest) -> Site:
    chosen: Site = request.getfixturevalue(request.param)
    return chosen


def eventually(condition: Callable[[], object], what: str, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} seconds: {what}"
        time.sleep(0.1)


def test_of_two_beats_one_sends_and_the_other_only_waits(site: Site) -> None:
    site.start_beat()
    site.start_beat()
    eventually(site.leaders, "one beat leads")
    (leader,) = site.leaders()
    (follower,) = [beat for beat in site.beats if beat is not leader]
    eventually(lambda: leader.sent() >= 4, "the leader sends")

    assert site.leaders() == [leader]
    assert follower.process.poll() is None
    assert follower.sent() == 0
    waiting = list((site.folder / "broker/queues/celery/new").iterdir())
    assert abs(len(waiting) - leader.sent()) <= 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_when_the_leader_ends_the_other_takes_over(site: Site, how: signal.Signals) -> None:
    first = site.start_beat()
    eventually(first.leads, "the first leads")
    second = site.start_beat()
    eventually(lambda: "celery beat" in second.log.read_text(), "the second runs")
    eventually(lambda: first.sent() >= 2, "the first sends")
    assert second.sent() == 0

    first.end(how)

    eventually(second.leads, "the second leads", within=15)
    eventually(lambda: second.sent() >= 2, "the second sends")


@pytest.mark.services
def test_a_restart_of_the_database_costs_the_lead_and_no_beat(
    postgres_site: Site, private_postgres: Service
) -> None:
    site = postgres_site
    site.start_beat()
    site.start_beat()
    eventually(lambda: any(beat.sent() for beat in site.beats), "one sends")

    private_postgres.server.stop()
    try:
        eventually(lambda: not site.leaders(), "nobody leads without the database")
    finally:
        private_postgres.server.start()

    eventually(site.leaders, "one leads again")
    (leader,) = site.leaders()
    before = leader.sent()
    eventually(lambda: leader.sent() >= before + 2, "it sends again")
    assert [beat.process.poll() for beat in site.beats] == [None, None]
    assert len(site.leaders()) == 1


def test_a_start_never_writes_a_schedule(sqlite_site: Site) -> None:
    """They are rows that staff edit: a restart must not undo that."""
    beat = sqlite_site.start_beat()
    eventually(lambda: beat.sent() >= 1, "it sends")
    with sqlite3.connect(sqlite_site.folder / "site.sqlite3") as connection:
        rows = connection.execute("SELECT name, enabled FROM django_celery_beat_periodictask")
        names = {name for name, _ in rows}
    connection.close()
    assert "whitelist.publish_if_owed" in names
    assert not any(name.startswith("celery.") for name in names)


def test_a_lock_file_that_was_removed_no_longer_leads(tmp_path: Path) -> None:
    first, second = FileLeadership(tmp_path / "lock"), FileLeadership(tmp_path / "lock")
    assert first.held()
    assert not second.held()

    (tmp_path / "lock").unlink()
    assert second.held()
    assert not first.held()

    second.resign()
    assert first.held()
