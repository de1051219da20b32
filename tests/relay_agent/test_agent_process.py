"""The agent under every fault: on time, with its tables sound."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
import time
from functools import partial
from io import FileIO
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from relay_agent.snapshot import unpack
from relay_agent.text import IPAddress
from tests.real.parts import DEBIAN_PYTHON, require_debians, require_root
from tests.real.processes import start, stop, wait_until
from tests.relay_agent.agents import (
    AGENT,
    ROOT_FOLDER,
    Running,
    serve,
    soon,
    until_exempt,
    was_reported,
)
from tests.relay_agent.centre import KEY, Centre, prepare
from tests.relay_agent.tools import LMDB, many, seeded


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


@pytest.mark.parametrize("shift", [-3600, -31_536_000], ids=["an hour", "a year"])
def test_on_a_machine_whose_clock_is_late_an_entry_ends_on_time(
    running: Running, service: Centre, shift: int
) -> None:
    running.shift = shift
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


def test_with_the_disk_full_entries_still_end_and_all_is_well_once_there_is_room(
    running: Running, service: Centre
) -> None:
    require_root("a disk of its own")
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


def test_a_folder_that_it_may_not_write_is_said_and_reported_and_polls_go_on(
    tmp_path: Path, service: Centre
) -> None:
    require_root("an agent of another user")
    require_debians("lmdb", "cryptography")
    config = prepare(tmp_path, service.url)
    tmp_path.chmod(0o755)
    # Where the project is, that user may not be able to look.
    shutil.copytree(ROOT_FOLDER / "relay_agent", tmp_path / "lib" / "relay_agent")
    for name in ("map", "state"):
        os.chown(tmp_path / name, 65534, 65534)
    log = tmp_path / "log"
    with log.open("wb") as out:
        env = {"PYTHONPATH": str(tmp_path / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
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
