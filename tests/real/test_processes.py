"""Private servers are gone with the test, however it ends."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.postfix import PrivatePostfix
from tests.real.processes import NotReadyError, accepts, free_port, start, wait_until

KILLED_TEST = """
import os
from tests.real.postfix import PrivatePostfix
with PrivatePostfix() as relay:
    assert relay.send().accepted
    print(relay.port, relay.folder, flush=True)
    os.kill(os.getpid(), 9)
"""
KILLED_PARENT = """
import os, sys
from tests.real.processes import start
print(start([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
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
    (pid,) = run_to_its_death(KILLED_PARENT)
    wait_until(lambda: not is_running(int(pid)), "the process is gone")


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


def test_a_free_port_is_free() -> None:
    port = free_port()
    assert not accepts(port)
