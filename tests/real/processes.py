"""Starting, awaiting and ending private servers."""

from __future__ import annotations

import ctypes
import pwd
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
START_SECONDS = 30.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.01
PORTS = range(20_000, 32_000)  # below those that the kernel gives to outgoing connections
PORT_TRIES = 200
given: set[int] = set()
GUARD = """trap 'kill "$child"; wait "$child"; exit 0' TERM; "$@" & child=$!; wait "$child" """


class NotReadyError(Exception):
    """A server did not come up in time, or died while it should."""


def _with_parent(how: signal.Signals) -> Callable[[], None]:
    """For the child, before exec: it gets this signal when the thread that starts it ends."""

    def wish() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(how))

    return wish


def start_guarded(command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    """Start a server that changes its user by itself, under a guard that dies with this process.

    The kernel forgets the wish to die with the parent when a process changes its user, as
    Postfix's master does. The guard keeps its own, and ends the server when it is ended.
    """
    return start(["/bin/sh", "-c", GUARD, "guard", *command], death=signal.SIGTERM)


def start(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    stdout: IO[bytes] | int | None = subprocess.DEVNULL,
    stderr: IO[bytes] | int | None = subprocess.DEVNULL,
    death: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start a process that gets the signal `death` when this one ends, however it ends.

    With `user` it runs as that user from the start: the wish comes after the change, and holds.
    """
    return subprocess.Popen(
        [str(part) for part in command],
        env=None if env is None else dict(env),
        cwd=cwd,
        user=user,
        group=None if user is None else pwd.getpwnam(user).pw_gid,
        extra_groups=None if user is None else [],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        # Ctrl-C at the terminal is for the tests; they stop their servers afterwards.
        start_new_session=True,
        preexec_fn=_with_parent(death),  # noqa: PLW1509 -- nothing else runs there before exec
    )


def stop(
    process: subprocess.Popen[bytes],
    timeout: float = STOP_SECONDS,
    how: signal.Signals = signal.SIGTERM,
) -> int:
    """End a process that we started: asked first, then killed. Its exit status."""
    if process.poll() is None:
        process.send_signal(how)
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


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses, neither on TCP nor on UDP, and that no connection will take.

    Each is given once: who asks for many asks before the first of them is listened on.
    Bound without SO_REUSEPORT: a forgotten server that listens with it is noticed here.
    """
    for _ in range(PORT_TRIES):
        port = secrets.choice(PORTS)
        if port not in given and all(
            _is_free(host, port, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        ):
            given.add(port)
            return port
    raise NotReadyError(f"no free port on {host}")


def _is_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
