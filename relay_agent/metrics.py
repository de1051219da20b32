"""The agent's figures for Prometheus: a text file for node_exporter, or HTTP on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from relay_agent.follow import Follower

PREFIX = "smtp_whitelist_agent_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_SECONDS = 5


class Figure(NamedTuple):
    """One figure: counter or gauge, what it means, and its value; None: there is none yet."""

    kind: str
    help: str
    value: float | None


def figures(follower: Follower) -> Mapping[str, Figure]:
    """Of an agent at this moment."""
    holding, now = follower.holding, follower.holding.clocks()
    held = holding.snapshot
    last, failing = follower.last_success, bool(follower.problem)
    age = None if held is None else now.wall - held.issued_at
    left = None if held is None else holding.deadlines.valid_until.left(now)
    return {
        "serial": Figure("gauge", "Serial of the installed snapshot.", holding.installed.serial),
        "entries": Figure("gauge", "Entries in the tables.", holding.installed.entries),
        "snapshot_age_seconds": Figure("gauge", "Since the snapshot was issued.", age),
        "snapshot_left_seconds": Figure("gauge", "Until every exemption is dropped.", left),
        "last_success_timestamp_seconds": Figure(
            "gauge",
            "When a poll last succeeded.",
            None if last is None else now.wall - now.boot + last,
        ),
        "lag_seconds": Figure(
            "gauge", "Since a poll last succeeded.", None if last is None else now.boot - last
        ),
        "failing": Figure("gauge", "1 while the last poll failed.", float(failing)),
        "errors_total": Figure("counter", "Polls that failed.", follower.errors),
        "clock_offset_seconds": Figure(
            "gauge",
            "By which this machine's clock is ahead of the service's.",
            holding.heard.clock_offset(holding.read()),
        ),
    }


def render(found: Mapping[str, Figure]) -> bytes:
    """In Prometheus' text format."""
    lines = []
    for name, figure in found.items():
        if figure.value is not None:
            lines.append(f"# HELP {PREFIX}{name} {figure.help}")
            lines.append(f"# TYPE {PREFIX}{name} {figure.kind}")
            lines.append(f"{PREFIX}{name} {figure.value:.15g}")
    return ("\n".join(lines) + "\n").encode("ascii")


class MetricsServer:
    """Answers GET /metrics at a loopback address."""

    def __init__(self, address: tuple[str, int], content: Callable[[], bytes]) -> None:
        self.address = address
        self.content = content
        self.server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Raises OSError where it cannot listen."""
        kind = _SixServer if ":" in self.address[0] else ThreadingHTTPServer
        self.server = kind(self.address, _handler(self.content))
        self.server.daemon_threads = True
        serve = self.server.serve_forever
        threading.Thread(target=serve, name="metrics", daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()


class _SixServer(ThreadingHTTPServer):
    address_family = socket.AF_INET6


def _handler(content: Callable[[], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS

        def do_GET(self) -> None:
            if self.path != "/metrics":
                self.send_error(404)
                return
            body = content()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are not worth a line."""

    return Handler
