"""`make run`: one command, up in seconds, and nothing of it remains."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.services import free_port

ROOT = Path(__file__).resolve().parents[2]
UP = "The service is up"


def clean_environment(**settings: str) -> dict[str, str]:
    """What a person's shell has: none of the settings that tests fix for themselves."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **settings}


class Run:
    """One `bin/run` with a folder and a port of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.log = folder / "run.log"
        self.port = free_port()
        own = {"VAR_DIR": str(folder / "var"), "PORT": str(self.port)}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [ROOT / "bin" / "run"],
                env=clean_environment(**own, **settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def text(self) -> str:
        return self.log.read_text()

    def wait_up(self) -> None:
        deadline = time.monotonic() + 90
        while UP not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.1)

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first run leaves in its folder; the others start from a copy, to be quick."""
    folder = tmp_path_factory.mktemp("prepared")
    service = Run(folder)
    try:
        service.wait_up()
    finally:
        stop(service)
    return folder / "var"


@pytest.fixture
def run(prepared: Path, tmp_path: Path) -> Iterator[Run]:
    shutil.copytree(prepared, tmp_path / "var")
    service = Run(tmp_path)
    yield service
    stop(service)


def stop(service: Run) -> None:
    if service.process.poll() is None:
        service.end(signal.SIGTERM)


def parents() -> dict[int, int]:
    """Each process of this machine and its parent; zombies count as ended."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(folder.name)] = int(parent)
    return found


def family(pid: int) -> set[int]:
    """PID and all processes that descend from it."""
    known, found, grown = parents(), {pid}, True
    while grown:
        more = {child for child, parent in known.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def command_of(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""  # it has ended


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


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.timeout(240)
def test_it_says_where_to_click_and_a_second_run_finds_its_data(tmp_path: Path) -> None:
    first = Run(tmp_path)
    try:
        first.wait_up()
        shown = first.text()
        assert "demo_data: loaded" in shown
        base = f"http://127.0.0.1:{first.port}"
        for path in ("/portal-simulator/", "/", "/admin/"):
            assert base + path in shown
        assert status_of(first.port, "/portal-simulator/") == 200
    finally:
        stop(first)
    key = (tmp_path / "var" / "secret_key").read_text()
    password = re.search(r"user demo, password (\S+)\)", shown)
    assert password is not None
    assert stat.S_IMODE((tmp_path / "var" / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "var" / "demo_staff_password").stat().st_mode) == 0o600

    second = Run(tmp_path)
    try:
        second.wait_up()
        assert f"password {password[1]})" in second.text()
        assert "demo_data: networks are loaded already" in second.text()
    finally:
        stop(second)
    assert (tmp_path / "var" / "secret_key").read_text() == key


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
def test_a_signal_that_comes_early_is_not_lost(run: Run, delay: float) -> None:
    """While the processes are only starting."""
    deadline = time.monotonic() + 60
    while not any("supervise" in command_of(pid) for pid in family(run.process.pid)):
        assert time.monotonic() < deadline, run.text()
        time.sleep(0.02)
    time.sleep(delay)
    processes = family(run.process.pid)
    run.end(signal.SIGTERM)
    assert processes & set(parents()) == set()
    assert "supervise" not in "".join(map(command_of, family(os.getpid())))


@pytest.mark.timeout(240)
def test_a_run_that_is_killed_leaves_nothing_behind(run: Run) -> None:
    run.wait_up()
    processes = family(run.process.pid)
    run.process.kill()
    run.process.wait()
    deadline = time.monotonic() + 30
    while processes & set(parents()):
        assert time.monotonic() < deadline, "some process remains"
        time.sleep(0.2)


def refused(**settings: str) -> str:
    """What `bin/run` says when it does not start."""
    result = subprocess.run(
        [ROOT / "bin" / "run"],
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode != 0
    return (result.stdout + result.stderr).strip()


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refused(VAR_DIR=str(tmp_path / "var"), PORT=str(port))
    assert said.splitlines() == [
        f"make run: cannot listen on 127.0.0.1:{port}: Address already in use; choose another PORT"
    ]
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("name", ["VAR_DIR", "ACCESS_MAP_DIR"])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    folders = {"VAR_DIR": str(tmp_path / "var"), name: str(tmp_path / "file" / "folder")}
    said = refused(**folders, PORT=str(free_port()))
    assert len(said.splitlines()) == 1
    assert f"the folder {tmp_path}/file/folder cannot be written" in said


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"PORT": "http"}, "make run: PORT=http is not a port number"),
        ({"PORT": "0"}, "make run: PORT=0 is not a port number"),
        ({"PORT": "٨٠"}, "make run: PORT=٨٠ is not a port number"),
        ({"TIME_ZONE": "Asia/Nowhere"}, "setting TIME_ZONE: 'Asia/Nowhere' is not a time zone"),
    ],
)
def test_a_malformed_setting_is_one_line(
    tmp_path: Path, settings: dict[str, str], line: str
) -> None:
    said = refused(**{"VAR_DIR": str(tmp_path), "PORT": str(free_port()), **settings})
    assert said.splitlines()[0] == line
