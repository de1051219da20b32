"""The agent as whoever runs it meets it: plain about what is wrong, also to systemd."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from relay_agent.formats import FORMATS
from tests.real.processes import free_port, stop, wait_until
from tests.relay_agent.agents import (
    AGENT,
    ROOT_FOLDER,
    Running,
    serve,
    soon,
    was_reported,
)
from tests.relay_agent.centre import LIFETIME, TOKEN, Centre, prepare
from tests.relay_agent.policy_client import request


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


def test_what_postfix_logs_of_whitelisted_addresses_is_reported(
    tmp_path: Path, service: Centre
) -> None:
    log = tmp_path / "mail.log"
    log.write_text("")
    running = Running(tmp_path, prepare(tmp_path, service.url, sent=f"log = {log}"))
    serve(service, soon("10.0.0.1"))
    try:
        running.start()
        wait_until(lambda: service.reports, "a report")
        log.write_text(logged("10.0.0.1", "A1B2C3D4", 3) + logged("10.0.0.2", "A1B2C3D5", 9))
        serve(service, soon("10.0.0.1", "10.0.0.3"), serial=2)
        wait_until(lambda: service.told["sent"], "what was sent", timeout=15)
        (row,) = service.told["sent"]
        assert (row["address"], row["messages"], row["recipients"]) == ("10.0.0.1", 1, 3)
    finally:
        if running.process is not None:
            stop(running.process)


def logged(address: str, queue_id: str, recipients: int) -> str:
    at = "Nov 24 13:05:01 mx1 postfix"
    return (
        f"{at}/smtpd[1]: {queue_id}: client=pc[{address}]\n"
        f"{at}/qmgr[1]: {queue_id}: from=<a@b.org>, size=1, nrcpt={recipients} (queue active)\n"
    )


def test_sigint_ends_it_as_sigterm_does(running: Running) -> None:
    running.start()
    assert running.process is not None
    assert stop(running.process, how=signal.SIGINT) == 0
