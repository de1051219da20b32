"""Look-ups a second at the policy service, beside a policy daemon of Debian's.

    python -m bench.policy [--seconds 3] [--connections 8] [--entries 100000]

Each daemon is a process of its own on a unix socket. The connections ask in turn as smtpd does:
the next question after the answer. Every second address is exempt; all are counted, by us in
memory, by policyd-rate-limit in its SQLite database, which lies in memory where there is room.
"""

from __future__ import annotations

import argparse
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from relay_agent.policy import PolicyServer, View
from relay_agent.snapshot import Limits
from relay_agent.text import record_key, record_value
from tests.real.parts import find
from tests.real.processes import start, stop, wait_until
from tests.relay_agent.policy_client import Asker, request
from tests.relay_agent.tools import QUICK, many

AIM = 5_000
MANY = 1_000_000_000
ADDRESSES = 4_096
PEER = "policyd-rate-limit"
PEER_CONFIG = """\
debug: False
user: "root"
group: "root"
pidfile: "{folder}/peer.pid"
sqlite_config:
    database: "{folder}/peer.sqlite3"
backend: 0
SOCKET: "{folder}/peer"
socket_permission: 0666
limits:
    - [1000000, 3600]
    - [1000000, 86400]
limits_by_id: {{}}
limit_by_sasl: False
limit_by_sender: False
limit_by_ip: True
limited_networks: ["0.0.0.0/0"]
success_action: "dunno"
fail_action: "defer_if_permit Rate limit reach, retry later"
db_error_action: "dunno"
report: False
delay_to_close: 300
"""


class Took(NamedTuple):
    """Answers, the seconds that all took, and what each took, sorted."""

    seconds: float
    each: list[float]

    def quantile(self, share: float) -> float:
        """In milliseconds."""
        return self.each[min(len(self.each) - 1, int(share * len(self.each)))] * 1000

    def __str__(self) -> str:
        rate = len(self.each) / self.seconds
        times = ", ".join(
            f"{name} {self.quantile(share):.2f}" for name, share in [("median", 0.5), ("p99", 0.99)]
        )
        return f"{rate:,.0f} a second; {times}, max {self.each[-1] * 1000:.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.entries)
        return
    load = f"load {os.getloadavg()[0]:.1f} at the start"
    print(
        f"{options.connections} connections for {options.seconds:g} s,"
        f" {options.entries:,} entries, {load}; the aim is {AIM:,} a second"
    )
    with tempfile.TemporaryDirectory(prefix="bench-policy-", dir=QUICK) as name:
        folder = Path(name)
        with daemon(ours(folder, options.entries), folder / "ours") as path:
            print(f"  ours: {drive(path, options.connections, options.seconds)}")
        if find(PEER) is None:
            print(f"  {PEER}: not installed (Debian: apt install {PEER})")
        elif os.geteuid() != 0:
            print(f"  {PEER}: starts only as root")
        else:
            with daemon(peer(folder), folder / "peer") as path:
                print(f"  {PEER}: {drive(path, options.connections, options.seconds)}")


def serve(listen: str, entries: int) -> None:
    """Our server, until SIGTERM."""
    records = {record_key(a): record_value(e) for a, e in many(entries * 2).items()}
    records = dict(list(records.items())[1::2])
    seen = View(records, Limits(MANY, MANY), "https://smtp.example.edu", _lasting)
    server = PolicyServer(listen, lambda: seen, Limits(MANY, MANY))
    server.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop()


def _lasting(_key: bytes, value: bytes) -> bool:
    return int(value) > time.time()


def ours(folder: Path, entries: int) -> list[str]:
    command = [sys.executable, "-m", "bench.policy", "--entries", str(entries)]
    return [*command, "--serve", f"unix:{folder}/ours"]


def peer(folder: Path) -> list[str]:
    config = folder / "peer.yaml"
    config.write_text(PEER_CONFIG.format(folder=folder))
    return [find(PEER) or PEER, "--file", str(config)]


@contextmanager
def daemon(command: list[str], path: Path) -> Iterator[Path]:
    """A daemon that answers at `path`."""
    process = start(command)
    try:
        wait_until(path.is_socket, command[0], process=process)
        wait_until(lambda: _answers(path), command[0], process=process)
        yield path
    finally:
        stop(process)


def _answers(path: Path) -> bool:
    try:
        with Asker(f"unix:{path}") as asker:
            return bool(asker.ask(request()))
    except OSError:
        return False


def questions() -> list[bytes]:
    """One for each address, with a place for the number of the message."""
    addresses = [address for address in many(ADDRESSES * 2) if address.version == 4]
    return [
        request(client_address=str(address), instance="9b.%x.0")
        for address in addresses[:ADDRESSES]
    ]


def drive(path: Path, connections: int, seconds: float) -> Took:
    """Ask over all connections at once for so long."""
    asked, each, sent = questions(), [], {}
    selector = selectors.DefaultSelector()
    sockets = [socket.socket(socket.AF_UNIX) for _ in range(connections)]
    for number, one in enumerate(sockets):
        one.connect(str(path))
        selector.register(one, selectors.EVENT_READ, number)
    begin = time.perf_counter()
    for number, one in enumerate(sockets):
        sent[one] = time.perf_counter()
        one.sendall(asked[number] % number)
    number = connections
    while (now := time.perf_counter()) < begin + seconds:
        for key, _ in selector.select(1.0):
            one = sockets[key.data]
            answer = one.recv(4096)
            now = time.perf_counter()
            assert answer.startswith(b"action="), answer
            assert answer.endswith(b"\n\n"), answer
            each.append(now - sent[one])
            sent[one] = now
            one.sendall(asked[number % len(asked)] % number)
            number += 1
    selector.close()
    for one in sockets:
        one.close()
    return Took(now - begin, sorted(each))


if __name__ == "__main__":
    main()
