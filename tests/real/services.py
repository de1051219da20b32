"""A private PostgreSQL and a private Redis: nothing runs beforehand, nothing remains.

    python -m tests.real.services COMMAND…

runs COMMAND with `DATABASE_URL` and `CELERY_BROKER_URL` of both, and ends with its exit status.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.real.parts import MissingPartError, find
from tests.real.processes import NotReadyError, free_port, start, stop, wait_until

TRIES = 5  # another process can take a port between our look and the server's


def postgres_program(name: str) -> str:
    """PATH first, then where Debian keeps the versions, the newest first."""
    if found := find(name):
        return found
    installed = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(
        installed, key=lambda path: int(re.sub(r"\D", "", path.parts[4]) or 0), default=None
    )
    if newest is None:
        raise MissingPartError(f"{name} (Debian's package postgresql)")
    return str(newest)


def program(name: str, package: str) -> str:
    found = find(name)
    if found is None:
        raise MissingPartError(f"{name} (Debian's package {package})")
    return found


def unprivileged_user() -> str | None:
    """PostgreSQL refuses root. None: we are not root, and stay who we are."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass
class Server:
    """A server process in a folder of its own, on a free loopback port."""

    folder: Path
    command: Callable[[int], Sequence[str]]
    answers: Callable[[int], bool]
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start on the port it had, or on a free one the first time; return when it answers.

        Raises NotReadyError with its last lines.
        """
        tries = 1 if self.port else TRIES
        for left in reversed(range(tries)):
            port = self.port or free_port()
            try:
                self._start_on(port)
            except NotReadyError as error:
                self.stop()
                if not left:
                    log = (self.folder / "log").read_text(errors="replace")
                    raise NotReadyError("\n".join([str(error), *log.splitlines()[-10:]])) from error
            else:
                self.port = port
                return

    def _start_on(self, port: int) -> None:
        command = self.command(port)
        with (self.folder / "log").open("ab") as log:
            self.process = start(
                command,
                cwd=self.folder,
                user=self.user,
                stdout=log,
                stderr=log,
                death=self.stop_signal,
            )
        wait_until(lambda: self.answers(port), command[0], process=self.process)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, how=self.stop_signal)
        self.process = None


@dataclass
class Service:
    """What a test gets: where the server is, and the server itself to stop and start."""

    url: str
    server: Server


@contextlib.contextmanager
def own_folder(name: str, user: str | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"whitelist-{name}-"))
    if user is not None:
        shutil.chown(folder, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(server: Server) -> Iterator[None]:
    try:
        server.start()
        yield
    finally:
        server.stop()


@contextlib.contextmanager
def postgres() -> Iterator[Service]:
    """A PostgreSQL with an empty database, durable against nothing."""
    initdb, isready = postgres_program("initdb"), postgres_program("pg_isready")
    binary = postgres_program("postgres")
    user = unprivileged_user()
    password = secrets.token_hex(16)
    with own_folder("postgres", user) as folder:
        (folder / "password").write_text(password)
        (folder / "password").chmod(0o644)  # the folder itself is 0700
        data = folder / "data"
        subprocess.run(
            [initdb, "-D", data, "-U", "whitelist", "-A", "scram-sha-256", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync", f"--pwfile={folder}/password"],
            check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        options = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
            "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200",
        }  # fmt: skip
        settings = [f"--{name}={value}" for name, value in options.items()]

        def answers(port: int) -> bool:
            ask = [isready, "-q", "-h", "127.0.0.1", "-p", str(port)]
            return subprocess.run(ask, check=False).returncode == 0

        server = Server(
            folder,
            lambda port: [binary, "-D", str(data), "-p", str(port), *settings],
            answers,
            user,
            signal.SIGINT,  # PostgreSQL's fast shutdown: it does not wait for its clients
        )
        with running(server):
            yield Service(
                f"postgres://whitelist:{password}@127.0.0.1:{server.port}/postgres", server
            )


@contextlib.contextmanager
def redis() -> Iterator[Service]:
    """A Redis that keeps nothing on disk."""
    binary = program("redis-server", "redis-server")
    password = secrets.token_hex(16)
    with own_folder("redis", None) as folder:
        server = Server(
            folder,
            lambda port: [
                binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--requirepass", password, "--dir", str(folder),
            ],
            lambda port: redis_answers(port, password),
        )  # fmt: skip
        with running(server):
            yield Service(f"redis://:{password}@127.0.0.1:{server.port}/0", server)


def redis_answers(port: int, password: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            replies = connection.makefile("rb")
            return [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
    except OSError:
        return False


def run_with_both(command: Sequence[str], environment: Mapping[str, str]) -> int:
    with postgres() as database, redis() as broker:
        urls = {"DATABASE_URL": database.url, "CELERY_BROKER_URL": broker.url}
        return subprocess.run(command, check=False, env={**environment, **urls}).returncode


def stop_on_term(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop_on_term)
    try:
        sys.exit(run_with_both(sys.argv[1:], os.environ))
    except (MissingPartError, NotReadyError) as error:
        sys.exit(f"private services: {error}")
