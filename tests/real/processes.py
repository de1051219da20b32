"""Starting, awaiting and ending private servers."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01
PORT_TRIES = 50
GUARD = """trap 'kill "$child"; wait "$child"; exit 0' TERM; "$@" & child=$!; wait "$child" """


class NotReadyError(Exception):
    """A server did not come up in time, or died while it should."""


def _die_with_parent() -> None:
    """Runs in the child: it ends when the process that tests ends, however that ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _ask_with_parent() -> None:
    """The same for a child that has something to end first."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start_guarded(command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    """Start a server that changes its user, under a guard that dies with this process.

    The kernel forgets the wish to die with the parent when a process changes its user, as
    Postfix's master does. The guard keeps its own, and ends the server when it is ended.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", GUARD, "guard", *(str(part) for part in command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=_ask_with_parent,  # noqa: PLW1509 -- nothing else runs in the child before exec
    )


def start(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: IO[bytes] | int | None = subprocess.DEVNULL,
    stderr: IO[bytes] | int | None = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a process that dies with this one."""
    return subprocess.Popen(
        [str(part) for part in command],
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 -- nothing else runs in the child before exec
    )


def stop(process: subprocess.Popen[bytes], timeout: float = STOP_SECONDS) -> int:
    """End a process that we started: asked first, then killed. Its exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def wait_until(
    ready: Callable[[], object],
    what: str,
    *,
    process: subprocess.Popen[bytes] | None = None,
    timeout: float = START_SECONDS,
) -> None:
    """Ask `ready` until it is true. Raises NotReadyError at the deadline or when `process` died."""
    deadline = time.monotonic() + timeout
    while not ready():
        if process is not None and process.poll() is not None:
            raise NotReadyError(f"{what}: it ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise NotReadyError(f"{what}: not within {timeout:g} s")
        time.sleep(POLL_SECONDS)


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


@contextmanager
def running(
    command: Sequence[str | Path], *, port: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A private server for a while; with `port`, it is ready when it accepts there."""
    process = start(command, env=env)
    try:
        if port is not None:
            wait_until(lambda: accepts(port), str(command[0]), process=process)
        yield process
    finally:
        stop(process)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses, neither on TCP nor on UDP.

    Bound without SO_REUSEPORT: a forgotten server that listens with it is noticed here.
    """
    for _ in range(PORT_TRIES):
        with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as tcp:
            tcp.bind((host, 0))
            port: int = tcp.getsockname()[1]
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp:
                try:
                    udp.bind((host, port))
                except OSError:
                    continue
                return port
    raise NotReadyError(f"no free port on {host}")
