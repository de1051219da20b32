"""One at a zone, whoever it is; and nobody once its holder is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from django.db import connection

from tests.real.processes import wait_until
from whitelist.registry.following.zone_lock import ZoneBusyError, zone_lock

ROOT = Path(__file__).resolve().parents[4]
HOLDER = """
import sys, time
from pathlib import Path
import django
django.setup()
from django.db import connection
from whitelist.registry.following.zone_lock import zone_lock
connection.settings_dict["NAME"] = sys.argv[3]
with zone_lock(int(sys.argv[1]), Path(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""

pytestmark = pytest.mark.django_db(transaction=True)


def in_a_thread(folder: Path, pk: int = 1) -> str:
    """What another thread meets, which has a connection of its own."""

    def look() -> str:
        try:
            with zone_lock(pk, folder):
                return "held"
        except ZoneBusyError:
            return "busy"
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(look).result(timeout=20)


def test_two_threads_are_never_at_one_zone(tmp_path: Path) -> None:
    with zone_lock(1, tmp_path):
        assert in_a_thread(tmp_path) == "busy"
    assert in_a_thread(tmp_path) == "held"


def test_other_zones_are_free_meanwhile(tmp_path: Path) -> None:
    with zone_lock(1, tmp_path):
        assert in_a_thread(tmp_path, pk=2) == "held"


def test_of_many_at_the_same_moment_one_holds_it(tmp_path: Path) -> None:
    done = Event()

    def look(_number: int) -> bool:
        try:
            with zone_lock(1, tmp_path):
                return done.wait(20)
        except ZoneBusyError:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        tries = [threads.submit(look, number) for number in range(8)]
        wait_until(lambda: sum(one.done() for one in tries) == 7, "the others are sent away")
        done.set()
        assert sum(one.result() for one in tries) == 1


def test_an_error_under_the_lock_is_passed_on_and_frees_it(tmp_path: Path) -> None:
    with pytest.raises(LookupError), zone_lock(1, tmp_path):
        raise LookupError
    assert in_a_thread(tmp_path) == "held"


def test_a_session_that_broke_under_the_lock_frees_it_and_hides_no_error(tmp_path: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no sessions")

    def break_the_session() -> None:
        with zone_lock(1, tmp_path):
            connection.connection.close()
            raise LookupError

    with pytest.raises(LookupError):
        break_the_session()
    connection.close()
    assert in_a_thread(tmp_path) == "held"


def test_a_killed_holder_frees_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, "1", str(tmp_path)]
    holder = subprocess.Popen(
        [*command, str(connection.settings_dict["NAME"])],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "whitelist_site.settings"},
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert in_a_thread(tmp_path) == "busy"
    finally:
        holder.kill()
        holder.wait()
    wait_until(lambda: in_a_thread(tmp_path) == "held", "the lock is free", timeout=10)
