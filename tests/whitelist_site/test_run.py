"""`make run`: one command, up in seconds, and nothing of it remains."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.whitelist_site.run_process import (
    ROOT,
    Run,
    clean_environment,
    command_of,
    family,
    parents,
    stop,
)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The first run in its folder, which stays up for all tests that only ask it."""
    service = Run(tmp_path_factory.mktemp("first"))
    try:
        service.wait_up()
        yield service
    finally:
        stop(service)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, first: Run) -> Path:
    """What a first run leaves in its folder; the others start from a copy, to be quick."""
    folder = tmp_path_factory.mktemp("prepared") / "var"
    shutil.copytree(first.var, folder, ignore=shutil.ignore_patterns("*.sqlite3*", "broker"))
    with (
        closing(sqlite3.connect(first.var / "whitelist.sqlite3")) as source,
        closing(sqlite3.connect(folder / "whitelist.sqlite3")) as copy,
    ):
        source.backup(copy)  # the first run writes on
    return folder


@pytest.fixture
def run(prepared: Path, tmp_path: Path) -> Iterator[Run]:
    shutil.copytree(prepared, tmp_path / "var")
    service = Run(tmp_path)
    yield service
    stop(service)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process_within_seconds(run: Run, how: signal.Signals) -> None:
    run.wait_up()
    processes = family(run.process.pid)
    assert len(processes) > 8, "web, worker with two children, beat, keeper, supervisor …"

    began = time.monotonic()
    status = run.end(how)

    assert time.monotonic() - began < 15
    assert status == 0, run.text()
    assert processes & set(parents()) == set()
    assert "stopped" in run.text().splitlines()[-1]
    assert "Traceback" not in run.text()
    assert "sending SIGKILL" not in run.text()


def page_of(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    page = answer.status, answer.read().decode()
    connection.close()
    return page


@pytest.mark.timeout(240)
def test_it_says_where_to_click_and_a_second_run_finds_its_data(first: Run, run: Run) -> None:
    shown = first.text()
    assert "demo_data: loaded" in shown
    base = f"http://127.0.0.1:{first.port}"
    for path in ("/portal-simulator/", "/", "/admin/"):
        assert base + path in shown
    assert page_of(first.port, "/portal-simulator/")[0] == 200
    password = re.search(r"user demo, password (\S+)\)", shown)
    assert password is not None
    assert stat.S_IMODE((first.var / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((first.var / "demo_staff_password").stat().st_mode) == 0o600

    run.wait_up()
    assert f"password {password[1]})" in run.text()
    assert "demo_data: networks are loaded already" in run.text()
    assert (run.var / "secret_key").read_text() == (first.var / "secret_key").read_text()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "victim", ["gunicorn", "celery --quiet -A whitelist_site worker", "keeper"]
)
def test_a_process_that_dies_takes_the_others_along_and_the_end_says_so(
    run: Run, victim: str
) -> None:
    run.wait_up()
    processes = family(run.process.pid)
    chosen = min(pid for pid in processes if victim in command_of(pid))
    os.kill(chosen, signal.SIGKILL)

    assert run.process.wait(timeout=30) != 0
    time.sleep(0.5)  # children of the killed one get their signal from the kernel
    assert processes & set(parents()) == set()
    assert "a process ended by itself" in run.text().splitlines()[-1]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("delay", [0.0, 0.4])
def test_a_signal_that_comes_early_is_not_lost(first: Run, run: Run, delay: float) -> None:
    """While the processes are only starting."""
    deadline = time.monotonic() + 60
    while not any("supervise" in command_of(pid) for pid in family(run.process.pid)):
        assert time.monotonic() < deadline, run.text()
        time.sleep(0.02)
    time.sleep(delay)
    processes = family(run.process.pid)
    run.end(signal.SIGTERM)
    assert processes & set(parents()) == set()
    left = family(os.getpid()) - family(first.process.pid)
    assert "supervise" not in "".join(map(command_of, left))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("victim", ["run.py", "supervise.py"])
def test_a_run_that_is_killed_leaves_nothing_behind(run: Run, victim: str) -> None:
    run.wait_up()
    processes = family(run.process.pid)
    # Its readers of output look alike; the oldest is the supervisor.
    os.kill(min(pid for pid in processes if victim in command_of(pid)), signal.SIGKILL)
    run.process.wait(timeout=30)
    deadline = time.monotonic() + 30
    while processes & set(parents()):
        assert time.monotonic() < deadline, "some process remains"
        time.sleep(0.2)


@pytest.mark.timeout(240)
def test_a_plain_command_works_on_what_a_run_has_made(prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "var")
    command = subprocess.run(
        [ROOT / ".venv" / "bin" / "python", "manage.py", "import_networks", "-"],
        cwd=ROOT,
        env=clean_environment(VAR_DIR=str(tmp_path / "var")),
        input="cidr,kind,unit,contact\n192.0.2.0/24,static,Test,\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert command.returncode == 0, command.stderr


@pytest.mark.timeout(240)
@pytest.mark.parametrize("length", [4096, 5000])
def test_a_long_ticket_in_a_get_reaches_the_view(first: Run, length: int) -> None:
    """4,096 bytes is the longest that a ticket may be; a longer one is for the view to refuse."""
    status, page = page_of(first.port, f"/portal/enter?ticket={'a' * length}")
    assert status == 403
    assert re.search(r"(?<![\w-])-4(?!\w)", page), page


@pytest.mark.timeout(240)
def test_root_is_not_told_that_it_is_root(first: Run) -> None:
    deadline = time.monotonic() + 60
    while sum("worker --pool" in command_of(pid) for pid in family(first.process.pid)) < 3:
        assert time.monotonic() < deadline, "the worker has no children"
        time.sleep(0.2)
    assert "superuser" not in first.text()


@pytest.mark.timeout(240)
def test_behind_a_trusted_proxy_it_says_that_it_is_up(prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "var")
    service = Run(tmp_path, TRUSTED_PROXIES="127.0.0.1", ACCESS_MAP_TYPES="lmdb cdb")
    try:
        service.wait_up()
    finally:
        stop(service)
