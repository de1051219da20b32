"""Killed while it brings a zone in step: always the old or the new set of hosts, whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.real.applier import HOSTS, SERIALS, pairs
from tests.real.processes import wait_until
from tests.real.service import ROOT

KILLS = 20
HISTORY = "SELECT count(*) FROM whitelist_hostchange"
ZONE = "SELECT serial, hosts_count FROM whitelist_zone"
PAIRS = {
    "sqlite": "SELECT address, name FROM whitelist_host",
    "postgres": "SELECT host(address), name FROM whitelist_host",
}
# What a killed client leaves behind at the server ends by itself, but not at once.
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> 'judge'
"""
VERSIONS = {version: frozenset(pairs(version)) for version in SERIALS}
CHANGES = len(VERSIONS["old"] ^ VERSIONS["new"])


@dataclass
class Judge:
    """Looks at the database from outside, in one snapshot a look."""

    url: str

    def connection(self) -> Any:
        if self.url.startswith("sqlite"):
            return sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)
        judge = psycopg.connect(self.url, application_name="judge")
        judge.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return judge

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        connection = self.connection()
        try:
            if isinstance(connection, sqlite3.Connection):
                connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()

    def version(self) -> str:
        """Which of the two is stored; anything else is a failure."""
        with self.snapshot() as connection:
            serial, count = connection.execute(ZONE).fetchone()
            stored = frozenset(connection.execute(PAIRS[self.url.partition(":")[0]]).fetchall())
        version = next(word for word, number in SERIALS.items() if number == serial)
        assert count == HOSTS
        assert stored == VERSIONS[version], f"{len(stored ^ VERSIONS[version])} hosts differ"
        return version

    def changes(self) -> int:
        with self.snapshot() as connection:
            return int(connection.execute(HISTORY).fetchone()[0])

    def wait_until_alone(self) -> None:
        if not self.url.startswith("sqlite"):
            wait_until(self.is_alone, "the end of the killed client's session")

    def is_alone(self) -> bool:
        with self.snapshot() as connection:
            return bool(connection.execute(OTHERS).fetchone() == (0,))


@dataclass
class Reader:
    """Somebody who reads all the while."""

    judge: Judge
    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[AssertionError] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        while not self._stop.wait(0.1):
            try:
                self.seen[self.judge.version()] += 1
            except AssertionError as error:
                self.wrong.append(error)

    @contextmanager
    def reading(self) -> Iterator[None]:
        thread = threading.Thread(target=self.read)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()


class Applier:
    """The process that is killed, and what it told last."""

    def __init__(self, url: str, folder: Path) -> None:
        settings = {
            "DATABASE_URL": url,
            "VAR_DIR": str(folder),
            "SECRET_KEY": "a key for tests only, long enough to be taken for a real one",
            "DJANGO_SETTINGS_MODULE": "whitelist_site.settings",
            "PATH": os.environ["PATH"],
        }
        command = [sys.executable, "-m", "tests.real.applier"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=settings, stdin=pipe, stdout=pipe, text=True, bufsize=1
        )

    def begin(self, word: str) -> int:
        """Its process."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        return int(self.hear().removeprefix("pid "))

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def hear_to_the_end(self) -> Iterator[str]:
        while (word := self.hear()) != "gone":
            assert word, "the applier has died"
            yield word

    def do(self, word: str) -> dict[str, float]:
        """Undisturbed; how many seconds each phase took."""
        self.begin(word)
        moments = {phase: time.monotonic() for phase in self.hear_to_the_end()}
        assert "done" in moments
        starts = [*moments.values()]
        ends = zip(moments, starts, starts[1:], strict=False)
        return {phase: end - start for phase, start, end in ends}

    def kill(self, word: str, phase: str, delay: float) -> str:
        """Kill it `delay` seconds into a phase; the phase that it was in."""
        process = self.begin(word)
        while (heard := self.hear()) != phase:
            assert heard
        time.sleep(delay)
        with suppress(ProcessLookupError):  # it was done before
            os.kill(process, signal.SIGKILL)
        return [heard, *self.hear_to_the_end()][-1]

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


@pytest.fixture
def database(service_settings: dict[str, str], tmp_path: Path, worker_id: str) -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    url = service_settings.get("DATABASE_URL")
    if url is None:
        yield f"sqlite:///{tmp_path}/killed.sqlite3"
        return
    name = f"killed_{worker_id}_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{url.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def moments(kills: int, took: dict[str, float], dice: random.Random) -> Iterator[tuple[str, float]]:
    """Phases and moments to kill in: a fifth while reading, the rest all over applying and
    a little beyond.
    """
    reading = kills // 5
    applying = kills - reading
    for number in range(reading):
        yield "reading", (number + dice.random()) / reading * took["reading"] * 0.9
    for number in range(applying):
        yield "applying", (number + dice.random()) / applying * took["applying"] * 1.2


def test_after_every_kill_the_old_or_the_new_set_is_there_whole(
    database: str, tmp_path: Path
) -> None:
    judge, applier, dice = Judge(database), Applier(database, tmp_path), random.Random(3)  # noqa: S311
    applier.do("migrate")
    applier.do("old")
    reader, version, flips, died = Reader(judge), "old", 0, Counter[str]()
    with reader.reading():
        for _ in range(2):
            version, flips = other(version), flips + 1
            took = applier.do(version)
            for phase, delay in moments(KILLS // 2, took, dice):
                died[applier.kill(other(version), phase, delay)] += 1
                judge.wait_until_alone()
                before, version = version, judge.version()
                flips += version != before
                assert judge.changes() == flips * CHANGES
    applier.end()
    assert not reader.wrong
    assert min(reader.seen[version] for version in SERIALS) > 3
    assert died["reading"] >= KILLS // 10, died
    assert died["applying"] >= KILLS // 4, died


def other(version: str) -> str:
    return "new" if version == "old" else "old"
