"""The agent as a process: on time, alone in its folders, and plain about what is wrong."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from relay_agent.formats import FORMATS
from relay_agent.lmdb_table import read_lmdb
from relay_agent.snapshot import unpack
from relay_agent.text import IPAddress
from tests.real.processes import free_port, start, stop, wait_until
from tests.relay_agent.centre import KEY, LIFETIME, TOKEN, Centre, centre, prepare, snapshot
from tests.relay_agent.policy_client import request
from tests.relay_agent.tools import LMDB, entries, many, seeded

AGENT = [sys.executable, "-m", "relay_agent.agent", "--config"]
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
DEBIAN_PYTHON = "/usr/bin/python3"
ROOT_FOLDER = Path(__file__).parents[2]
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@dataclass
class Running:
    """An agent as it runs in production, below `folder`."""

    folder: Path
    config: Path
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, ready: str = "following") -> None:
        with self.log.open("ab") as out:
            env = {**os.environ, **self.env}
            self.process = start([*AGENT, self.config], stderr=out, env=env)
        wait_until(lambda: ready in self.said, ready, process=self.process)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    @property
    def exempt(self) -> dict[IPAddress, int] | None:
        try:
            return read_lmdb(self.folder / "map" / LMDB)
        except FileNotFoundError:
            return None


@pytest.fixture
def service() -> Iterator[Centre]:
    with centre() as found:
        yield found


@pytest.fixture
def running(tmp_path: Path, service: Centre) -> Iterator[Running]:
    found = Running(tmp_path, prepare(tmp_path, service.url))
    yield found
    if found.process is not None:
        stop(found.process)


def soon(*addresses: str, seconds: float = 3600) -> dict[IPAddress, int]:
    return entries(*(addresses or ("10.0.0.1",)), expiry=int(time.time() + seconds))


def was_reported(service: Centre, serial: int) -> bool:
    return bool(service.told["serial"] == serial)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as ballast:
        for size in (65536, 1):
            write_all(ballast, b"x" * size)


def write_all(ballast: FileIO, piece: bytes) -> None:
    try:
        while ballast.write(piece) == len(piece):
            pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def serve(
    service: Centre,
    wanted: dict[IPAddress, int],
    serial: int = 1,
    issued_at: int | None = None,
    lifetime: int = LIFETIME,
) -> None:
    service.serve(snapshot(wanted, serial, issued_at, lifetime))


def until_exempt(running: Running, wanted: dict[IPAddress, int], timeout: float = 10) -> float:
    """When it was so."""
    wait_until(lambda: running.exempt == wanted, "the table", timeout=timeout)
    return time.time()


def test_a_change_is_in_force_and_reported_within_a_second(
    running: Running, service: Centre
) -> None:
    running.start()
    wait_until(lambda: service.reports, "the first report")
    for serial in range(2, 7):
        wanted, began = soon(f"10.0.0.{serial}"), time.time()
        serve(service, wanted, serial)
        assert until_exempt(running, wanted) - began < 1
        wait_until(partial(was_reported, service, serial), "the report", timeout=1)


def test_an_entry_is_gone_within_a_second_of_its_expiry_with_the_centre_dead(
    running: Running, service: Centre
) -> None:
    wanted = soon(seconds=3)
    serve(service, wanted)
    running.start()
    until_exempt(running, wanted)
    service.stop()
    expiry = wanted[IPv4Address("10.0.0.1")]
    assert expiry <= until_exempt(running, {}) < expiry + 1


def test_everything_is_gone_within_a_second_of_not_after(running: Running, service: Centre) -> None:
    wanted = soon("10.0.0.1", "2001:db8::1")
    issued = int(time.time())
    serve(service, wanted, issued_at=issued, lifetime=3)
    running.start()
    until_exempt(running, wanted)
    service.stop()
    assert issued + 3 <= until_exempt(running, {}) < issued + 4
    serve(service, wanted, serial=2)
    service.start()
    until_exempt(running, wanted)


def test_a_service_that_hangs_keeps_no_entry_alive(running: Running, service: Centre) -> None:
    wanted = soon(seconds=3)
    serve(service, wanted)
    running.start()
    until_exempt(running, wanted)
    service.delay = 5
    expiry = wanted[IPv4Address("10.0.0.1")]
    assert expiry <= until_exempt(running, {}) < expiry + 1


@pytest.mark.skipif(not FAKETIME.exists(), reason="faketime is not installed")
@pytest.mark.parametrize("shift", [-3600, -31_536_000], ids=["an hour", "a year"])
def test_on_a_machine_whose_clock_is_late_an_entry_ends_on_time(
    running: Running, service: Centre, shift: int
) -> None:
    running.env = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": str(shift),
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    wanted = soon(seconds=3)
    serve(service, wanted)
    running.start()
    until_exempt(running, wanted)
    expiry = wanted[IPv4Address("10.0.0.1")]
    assert expiry <= until_exempt(running, {}) < expiry + 1
    assert abs(service.reports[0]["time"] - shift - time.time()) < 10, "it was late indeed"


def test_killed_and_started_again_it_keeps_what_it_had_and_lengthens_nothing(
    running: Running, service: Centre
) -> None:
    wanted = soon(seconds=4) | soon("10.0.0.2")
    serve(service, wanted)
    running.start()
    until_exempt(running, wanted)
    running.kill()
    service.stop()
    running.start()
    assert running.exempt == wanted, "without asking anybody"
    expiry = wanted[IPv4Address("10.0.0.1")]
    left = {address: end for address, end in wanted.items() if end != expiry}
    assert until_exempt(running, left) < expiry + 1


def test_killed_at_any_moment_its_tables_are_sound_and_it_catches_up(
    running: Running, service: Centre
) -> None:
    draw, ends, stopped = seeded(3), int(time.time()) + 3600, threading.Event()

    def wanted(serial: int) -> dict[IPAddress, int]:
        return many(300, first=serial % 50, expiry=ends)

    def change() -> None:
        serial = 1
        while not stopped.wait(0.02):
            serial += 1
            serve(service, wanted(serial), serial)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(4):
            running.start()
            time.sleep(draw.uniform(0.3, 0.8))
            running.kill()
            assert running.exempt in [None, {}, *map(wanted, range(50))]
    finally:
        stopped.set()
        thread.join()
    running.start()
    last = unpack(service.data, {"k1": KEY.public_key()}).serial
    until_exempt(running, wanted(last))
    wait_until(partial(was_reported, service, last), "the report")


def test_started_again_after_an_expiry_it_ends_what_it_missed(
    running: Running, service: Centre
) -> None:
    wanted = soon(seconds=2)
    serve(service, wanted)
    running.start()
    until_exempt(running, wanted)
    running.kill()
    service.stop()
    time.sleep(max(0.0, wanted[IPv4Address("10.0.0.1")] - time.time()))
    assert running.exempt == wanted
    running.start()
    until_exempt(running, {}, timeout=1)


def test_sigterm_ends_it_well_and_leaves_nobody_exempt_until_it_runs_again(
    running: Running, service: Centre
) -> None:
    wanted = soon()
    serve(service, wanted)
    running.start()
    until_exempt(running, wanted)
    assert running.process is not None
    running.process.terminate()
    assert running.process.wait(5) == 0
    assert running.exempt == {}
    service.stop()
    running.start()
    until_exempt(running, wanted, timeout=2)


@pytest.mark.parametrize("what", ["the same state", "the same tables"])
def test_a_second_agent_ends_with_the_reason_and_the_first_goes_on(
    running: Running, service: Centre, tmp_path: Path, what: str
) -> None:
    running.start()
    text = running.config.read_text()
    spare, mine = ("map", "state") if what == "the same state" else ("state", "map")
    (tmp_path / "spare").mkdir()
    second = tmp_path / "second.conf"
    second.write_text(text.replace(f"{tmp_path}/{spare}", f"{tmp_path}/spare"))
    done = subprocess.run([*AGENT, second], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert f"another agent is at work in {tmp_path}/{mine}; only one may be" in done.stderr
    wanted = soon()
    serve(service, wanted, serial=2)
    until_exempt(running, wanted)


@pytest.mark.parametrize("how", ["deleted", "truncated", "garbage"])
def test_a_table_that_is_spoilt_while_it_runs_is_whole_again_in_seconds(
    running: Running, service: Centre, how: str
) -> None:
    wanted, path = soon(), running.folder / "map" / LMDB
    serve(service, wanted)
    running.start()
    until_exempt(running, wanted)
    if how == "deleted":
        path.unlink()
    else:
        path.with_name("beside").write_bytes(b"" if how == "truncated" else b"garbage" * 999)
        path.with_name("beside").replace(path)
    wait_until(lambda: "it was put right" in running.said, "put right", timeout=5)
    assert running.exempt == wanted
    assert "an empty table takes its place" in running.said


@ROOT
def test_with_the_disk_full_entries_still_end_and_all_is_well_once_there_is_room(
    running: Running, service: Centre
) -> None:
    mounted = running.folder / "map"
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mounted)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs may be mounted here")
    try:
        wanted = soon(seconds=4)
        serve(service, wanted)
        running.start()
        until_exempt(running, wanted)
        wait_until((mounted / ".reserve").exists, "a reserve")
        fill(mounted / "ballast")
        serve(
            service,
            soon(*(f"10.{n // 62_500}.{n // 250 % 250}.{n % 250}" for n in range(30_000))),
            serial=2,
        )
        wait_until(lambda: "not everything could be written" in running.said, "said", timeout=5)
        expiry = wanted[IPv4Address("10.0.0.1")]
        gone = until_exempt(running, {})
        assert gone < expiry + 1
        wait_until(lambda: "could be written" in service.told["error"], "told", timeout=5)
        (mounted / "ballast").unlink()
        later = soon("10.0.0.9")
        serve(service, later, serial=3)
        until_exempt(running, later)
    finally:
        if running.process is not None:
            stop(running.process)
        subprocess.run(["umount", str(mounted)], check=True)


def has_debians_packages() -> bool:
    if not Path(DEBIAN_PYTHON).exists():
        return False
    probe = [DEBIAN_PYTHON, "-c", "import cryptography, lmdb"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@ROOT
@pytest.mark.skipif(not has_debians_packages(), reason="Debian's lmdb and cryptography are missing")
def test_a_folder_that_it_may_not_write_is_said_and_reported_and_polls_go_on(
    tmp_path: Path, service: Centre
) -> None:
    config = prepare(tmp_path, service.url)
    tmp_path.chmod(0o755)
    for name in ("map", "state"):
        os.chown(tmp_path / name, 65534, 65534)
    log = tmp_path / "log"
    with log.open("wb") as out:
        env = {"PYTHONPATH": str(ROOT_FOLDER), "PYTHONDONTWRITEBYTECODE": "1"}
        command: list[str | Path] = [DEBIAN_PYTHON, *AGENT[1:], config]
        process = start(command, stderr=out, user="nobody", env=env)
    try:
        wanted = soon()
        serve(service, wanted, serial=2)
        running = Running(tmp_path, config)
        until_exempt(running, wanted)
        os.chown(tmp_path / "map", 0, 0)
        for path in (tmp_path / "map").iterdir():
            os.chown(path, 0, 0)
        serve(service, soon("10.0.0.2"), serial=3)
        wait_until(lambda: "Permission denied" in service.told["error"], "told")
        for path in (tmp_path / "map", *(tmp_path / "map").iterdir()):
            os.chown(path, 65534, 65534)
        wait_until(lambda: service.told["serial"] == 3, "the new one")
    finally:
        stop(process)


def test_it_tells_systemd_that_it_is_ready_and_alive_and_the_journal_how_grave(
    running: Running, service: Centre, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        running.env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "JOURNAL_STREAM": "1:2"}
        running.start()
        assert systemd.recv(99) == b"READY=1"
        assert {systemd.recv(99) for _ in range(3)} == {b"WATCHDOG=1"}
        service.stop()
        wait_until(lambda: "not reached" in running.said, "said")
        assert running.process is not None
        running.process.terminate()
        running.process.wait(5)
        systemd.setblocking(False)
        told = b""
        while told != b"STOPPING=1":
            told = systemd.recv(99)
    assert re.search(r"^<6>following", running.said, re.MULTILINE)
    assert re.search(r"^<4>the service was not reached", running.said, re.MULTILINE)


def test_its_figures_are_there_for_prometheus_by_http_and_as_a_file(
    tmp_path: Path, service: Centre
) -> None:
    port = free_port()
    lines = f"listen = 127.0.0.1:{port}\nfile = {tmp_path}/agent.prom"
    running = Running(tmp_path, prepare(tmp_path, service.url, metrics=lines))
    serve(service, soon("10.0.0.1", "10.0.0.2"), serial=7)
    try:
        running.start()
        wait_until(partial(was_reported, service, 7), "the first report")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        figures = dict(re.findall(r"^smtp_whitelist_agent_(\w+) (\S+)$", text, re.MULTILINE))
        assert (figures["serial"], figures["entries"]) == ("7", "2")
        assert (figures["failing"], figures["errors_total"]) == ("0", "0")
        assert 0 <= float(figures["snapshot_age_seconds"]) < 10
        assert 0 < float(figures["snapshot_left_seconds"]) <= LIFETIME
        assert abs(float(figures["clock_offset_seconds"])) < 1
        assert abs(float(figures["last_success_timestamp_seconds"]) - time.time()) < 5
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        wait_until((tmp_path / "agent.prom").exists, "the file")
        assert "smtp_whitelist_agent_serial" in (tmp_path / "agent.prom").read_text()
    finally:
        if running.process is not None:
            stop(running.process)


def ran(*arguments: object) -> tuple[int, str]:
    """A run that ends by itself: its status, and what it said."""
    done = subprocess.run(
        [*AGENT, *map(str, arguments)], capture_output=True, text=True, timeout=20, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_check_says_that_all_is_well_and_writes_nothing(tmp_path: Path, service: Centre) -> None:
    config = prepare(tmp_path, service.url)
    assert ran(config, "--check") == (0, "All is well.\n")
    assert list((tmp_path / "map").iterdir()) == list((tmp_path / "state").iterdir()) == []


def spoil_config(folder: Path) -> None:
    config = folder / "agent.conf"
    config.write_text(config.read_text().replace("folder", "foldr").replace("k1 = ", "k1 = A"))


@pytest.mark.parametrize(
    ("spoil", "lines"),
    [
        (spoil_config, ["[keys] k1: ", "[state] foldr: unknown", "[tables] foldr: unknown"]),
        (lambda folder: (folder / "token").write_text(TOKEN[1:]), ["401"]),
        (lambda folder: (folder / "map").rmdir(), ["[tables] folder: the folder"]),
    ],
    ids=["form", "token", "folder"],
)
def test_check_says_all_that_is_wrong_and_fails(
    tmp_path: Path, service: Centre, spoil: Callable[[Path], object], lines: list[str]
) -> None:
    config = prepare(tmp_path, service.url)
    spoil(tmp_path)
    status, said = ran(config, "--check")
    assert status == 1
    assert len(said.splitlines()) == len(lines)
    for line in lines:
        assert line in said


def test_an_address_that_is_taken_is_named_by_its_option(tmp_path: Path, service: Centre) -> None:
    config = prepare(tmp_path, service.url, metrics=f"listen = 127.0.0.1:{service.port}")
    status, said = ran(config)
    assert status == 1
    assert "[metrics] listen: [Errno 98] Address already in use" in said


def test_without_a_token_file_it_does_not_start(tmp_path: Path, service: Centre) -> None:
    config = prepare(tmp_path, service.url)
    (tmp_path / "token").unlink()
    status, said = ran(config)
    assert status == 1
    assert f"[service] token_file: {tmp_path}/token cannot be read" in said


def test_what_is_not_installed_is_named_with_the_package() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT_FOLDER)!r})"
    code += "; from relay_agent.agent import main; sys.exit(main([]))"
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "apt install python3-lmdb\n" in done.stderr
    assert "apt install python3-cryptography\n" in done.stderr


def test_what_else_the_file_asks_for_runs_beside_the_tables(
    tmp_path: Path, service: Centre
) -> None:
    port = free_port()
    options = {
        "tables": "formats = rspamd",
        "policy": f"listen = inet:127.0.0.1:{port}",
        "sent": "log = policy",
    }
    running = Running(tmp_path, prepare(tmp_path, service.url, **options))
    wanted = soon("10.0.0.1", seconds=3) | soon("10.0.0.2")
    serve(service, wanted)
    list_file = tmp_path / "map" / FORMATS["rspamd"].file_name

    def listed() -> list[str]:
        return list_file.read_text().split() if list_file.exists() else []

    try:
        running.start()
        wait_until(lambda: listed() == ["10.0.0.1", "10.0.0.2"], "the list")
        with socket.create_connection(("127.0.0.1", port), timeout=5) as smtpd:
            smtpd.sendall(request(client_address="10.0.0.2"))
            assert smtpd.recv(999).startswith(b"action=permit")
            smtpd.sendall(request(client_address="10.0.0.3"))
            assert smtpd.recv(999) == b"action=DUNNO\n\n"
        expiry = wanted[IPv4Address("10.0.0.1")]
        wait_until(lambda: listed() == ["10.0.0.2"], "the lapse")
        assert time.time() < expiry + 1.5
        serve(service, wanted, serial=2)
        wait_until(lambda: service.told["sent"], "what was sent")
        (row,) = service.told["sent"]
        assert (row["address"], row["recipients"]) == ("10.0.0.2", 1)
    finally:
        if running.process is not None:
            stop(running.process)
    assert listed() == [], "nobody looks after it any more"


def test_sigint_ends_it_as_sigterm_does(running: Running) -> None:
    running.start()
    assert running.process is not None
    assert stop(running.process, how=signal.SIGINT) == 0
