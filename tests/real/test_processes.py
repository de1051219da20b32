"""Private servers are gone with the test, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.real import processes, services
from tests.real.parts import MissingPartError, require
from tests.real.postfix import PrivatePostfix
from tests.real.processes import NotReadyError, accepts, free_port, start, stop, wait_until

KILLED_TEST = """
import os
from tests.real.postfix import PrivatePostfix
with PrivatePostfix() as relay:
    assert relay.send().accepted
    print(relay.port, relay.folder, flush=True)
    os.kill(os.getpid(), 9)
"""
KILLED_PARENT = """
import os
from tests.real.processes import start
print(start(["sleep", "600"], user={user!r}).pid, flush=True)
os.kill(os.getpid(), 9)
"""


KILLED_OWNER = """
import os
from tests.real import services
with services.{name}() as service:
    server = service.server
    print(server.process.pid, server.folder, flush=True)
    os.kill(os.getpid(), 9)
"""


def run_to_its_death(program: str) -> list[str]:
    """What the program printed before it killed itself."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.split()


@pytest.mark.postfix
def test_postfix_ends_with_a_test_that_is_killed() -> None:
    port, folder = run_to_its_death(KILLED_TEST)
    try:
        wait_until(lambda: not accepts(int(port)), "Postfix is gone")
    finally:
        shutil.rmtree(folder)


@pytest.mark.postfix
def test_postfix_leaves_no_folder_and_no_listener() -> None:
    with PrivatePostfix() as relay:
        assert relay.send().accepted
    assert not relay.folder.exists()
    wait_until(lambda: not accepts(relay.port), "the last smtpd is gone")


def test_a_process_ends_with_a_test_that_is_killed() -> None:
    (pid,) = run_to_its_death(KILLED_PARENT.format(user=None))
    wait_until(lambda: not is_running(int(pid)), "the process is gone")


@pytest.mark.services
@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_private_service_ends_with_a_test_that_is_killed(name: str) -> None:
    needs_service(name)
    pid, folder = run_to_its_death(KILLED_OWNER.format(name=name))
    try:
        wait_until(lambda: not is_running(int(pid)), "the server is gone")
    finally:
        shutil.rmtree(folder)


@pytest.mark.services
def test_a_command_runs_with_both_services_and_its_status_is_the_result() -> None:
    needs_service("postgres")
    needs_service("redis")
    ask = "psycopg.connect(os.environ['DATABASE_URL']).close()"
    print_both = "print(os.environ['DATABASE_URL'], os.environ['CELERY_BROKER_URL'])"
    program = f"import os, psycopg; {ask}; {print_both}; raise SystemExit(7)"
    done = subprocess.run(
        [sys.executable, "-m", "tests.real.services", sys.executable, "-c", program],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 7, done.stderr
    database, broker = map(urlsplit, done.stdout.split())
    assert (database.scheme, broker.scheme) == ("postgres", "redis")
    for url in (database, broker):
        assert not accepts(int(url.port or 0)), "it is gone with the command"


def test_a_service_whose_program_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "find", lambda _: None)
    with pytest.raises(MissingPartError, match="redis-server"), services.redis():
        pass


def test_a_server_that_cannot_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no licence')"]
    server = services.Server(tmp_path, lambda _: command, lambda _: False)
    with pytest.raises(NotReadyError, match=r"ended with status 1\n(.*\n)*no licence"):
        server.start()
    assert server.process is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process as nobody")
def test_a_process_of_another_user_ends_with_a_test_that_is_killed() -> None:
    (pid,) = run_to_its_death(KILLED_PARENT.format(user="nobody"))
    wait_until(lambda: not is_running(int(pid)), "the process is gone")


def test_a_process_is_not_in_the_terminals_group_so_that_ctrl_c_is_for_the_tests() -> None:
    process = start(["sleep", "600"])
    try:
        assert os.getsid(process.pid) != os.getsid(0)
    finally:
        stop(process)


def needs_service(name: str) -> None:
    """Skipped without its program, or a failure where CI is set."""
    if name == "redis":
        require("redis-server")
        return
    try:
        services.postgres_program("initdb")
    except MissingPartError:
        require("initdb", "postgresql")


def is_running(pid: int) -> bool:
    """A dead process that nobody has waited for does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_that_dies_while_it_should_start_is_told_at_once() -> None:
    process = start([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(NotReadyError, match="it ended with status 3"):
        wait_until(lambda: False, "server", process=process)


def test_a_free_port_is_free_and_no_connection_takes_it() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(50):
        port = free_port()
        assert not accepts(port)
        assert port < lowest


def test_a_free_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PORTS", range(32_000, 32_004))
    assert len({free_port() for _ in range(4)}) == 4
    with pytest.raises(NotReadyError, match="no free port"):
        free_port()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use_on_tcp_or_udp_is_not_free(
    monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        monkeypatch.setattr(processes, "PORTS", [holder.getsockname()[1]])
        with pytest.raises(NotReadyError, match="no free port"):
            free_port()
