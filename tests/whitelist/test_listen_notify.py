"""`listen_notify`: a process that hears NOTIFY, and makes the zone due that it is about."""

from __future__ import annotations

import io
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.real import processes
from tests.real.processes import free_port, wait_until
from tests.whitelist_site.run_process import ROOT, clean_environment

HOST = "127.0.0.1"
ZONE, OTHER_SERVERS_ZONE, UNKNOWN = "ee.nthu.edu.tw", "cs.nthu.edu.tw", "me.nthu.edu.tw"
LATER = "2099-01-01 00:00:00"


# What keeps it from listening


def refusal() -> str:
    with pytest.raises(CommandError) as error:
        call_command("listen_notify", stdout=io.StringIO())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_without_the_setting_it_says_which_one_is_missing(settings) -> None:
    settings.NOTIFY_LISTEN = None
    assert "NOTIFY_LISTEN" in refusal()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_that_is_taken_is_called_so(kind: socket.SocketKind, settings) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((HOST, 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        settings.NOTIFY_LISTEN = (HOST, port)
        said = refusal()
    assert f"{HOST} port {port}: Address already in use" in said


# The process


class Listening:
    """The command on a database of its own, with two followed zones."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port(HOST)
        self.database = folder / "listen.sqlite3"
        self.log = folder / "listen.log"
        self.env = clean_environment(
            SECRET_KEY=os.environ["SECRET_KEY"],
            DATABASE_URL=f"sqlite:///{self.database}",
            CELERY_BROKER_URL=f"redis://{HOST}:{free_port(HOST)}/0",  # down: then beat finds it due
            VAR_DIR=str(folder),
            NOTIFY_LISTEN=f"{HOST}:{self.port}",
        )
        self.manage("migrate", "-v0")
        self.manage("follow_zone", ZONE, "--server", HOST)
        self.manage("follow_zone", OTHER_SERVERS_ZONE, "--server", "127.0.0.2")
        with self.log.open("wb") as out:
            self.process = processes.start(
                [sys.executable, "-u", "manage.py", "listen_notify"],
                env=self.env,
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )
        wait_until(lambda: "listening" in self.said(), "it listens", process=self.process)

    def manage(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def said(self) -> str:
        return self.log.read_text()

    def put_off(self) -> None:
        """No zone is due for a long time."""
        with closing(sqlite3.connect(self.database)) as database, database:
            database.execute("UPDATE whitelist_zone SET next_check_at = ?", [LATER])

    def due(self) -> set[str]:
        """The zones whose next check was brought forward."""
        with closing(sqlite3.connect(self.database)) as database:
            rows = database.execute(
                "SELECT name FROM whitelist_zone WHERE next_check_at < ?", [LATER]
            )
            return {name for (name,) in rows}

    def notify(self, zone: str, *, tcp: bool = False) -> dns.message.Message:
        message = dns.message.make_query(f"{zone}.", "SOA", flags=dns.flags.AA)
        message.set_opcode(dns.opcode.NOTIFY)
        ask = dns.query.tcp if tcp else dns.query.udp
        return ask(message, HOST, port=self.port, timeout=10)


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    listening = Listening(tmp_path_factory.mktemp("listen"))
    yield listening
    processes.stop(listening.process)


def test_it_says_where_it_listens(listening: Listening) -> None:
    assert listening.said() == (
        f"listen_notify: listening on {HOST} port {listening.port}, UDP and TCP\n"
    )


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize(
    ("zone", "rcode", "due"),
    [
        (ZONE, dns.rcode.NOERROR, {ZONE}),
        (OTHER_SERVERS_ZONE, dns.rcode.REFUSED, set()),
        (UNKNOWN, dns.rcode.NOTAUTH, set()),
    ],
)
def test_a_zone_is_due_at_once_when_its_server_says_that_it_changed(
    listening: Listening, zone: str, rcode: dns.rcode.Rcode, due: set[str], tcp: bool
) -> None:
    listening.put_off()
    response = listening.notify(zone, tcp=tcp)
    assert response.rcode() == rcode
    assert response.opcode() == dns.opcode.NOTIFY
    if due:
        wait_until(listening.due, "a zone is due")
    assert listening.due() == due


def test_sigterm_ends_it_with_success(listening: Listening) -> None:
    assert processes.stop(listening.process) == 0, listening.said()
    assert listening.said().endswith("listen_notify: ended\n")
