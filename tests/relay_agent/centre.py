"""A small service for tests: real HTTP, real signatures, and every fault on request."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from relay_agent.snapshot import Limits, Snapshot, pack
from relay_agent.text import Entries, to_records

TOKEN = "a-relay-token"
SERVICE = "https://whitelist.example.edu"
KEY = Ed25519PrivateKey.from_private_bytes(b"1" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"2" * 32)
LIFETIME = 900


def pinned(key: Ed25519PrivateKey = KEY) -> str:
    """The public key as a configuration file has it."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode("ascii")


def snapshot(
    entries: Entries | None = None,
    serial: int = 1,
    issued_at: int | None = None,
    lifetime: int = LIFETIME,
    service: str = SERVICE,
) -> Snapshot:
    """One that was issued just now, unless told otherwise."""
    issued = int(time.time()) if issued_at is None else issued_at
    records = to_records(entries or {})
    return Snapshot(service, serial, issued, issued + lifetime, Limits(100, 1000), records)


def signed(found: Snapshot, key: Ed25519PrivateKey = KEY, key_id: str = "k1") -> bytes:
    return pack(found, key_id, key.sign)


@lru_cache(maxsize=2)
def compressed(data: bytes) -> bytes:
    """As the service does it: once for each snapshot."""
    return gzip.compress(data)


@dataclass
class Centre:
    """What it answers. `spoil` may change the bytes; `status` other than 200 is all it says."""

    data: bytes = b""
    etag: str = '"0"'
    status: int = 200
    report_status: int = 204
    time: Callable[[], float] = time.time
    spoil: Callable[[bytes], bytes] = bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    port: int = 0
    polls: list[str] = field(default_factory=list)  # the ETag that each brought
    reports: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    server: _Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def told(self) -> dict[str, Any]:
        """The last report; before the first, one without news."""
        return self.reports[-1] if self.reports else {"serial": 0, "error": "", "sent": []}

    def serve(self, found: Snapshot, **how: Any) -> None:
        """From now on this snapshot, under an ETag of its own."""
        self.data = signed(found, **how)
        self.etag = f'"{found.serial}-{found.issued_at}-{len(self.data)}"'

    def start(self) -> None:
        """Listen, on the port of before if there was one."""
        self.server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Dead: nobody listens any more, and what was open is cut."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server.cut()
            self.server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, *arguments: Any) -> None:
        self.open: list[Any] = []
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is part of the tests."""

    def cut(self) -> None:
        for request in self.open:
            try:
                request.shutdown(2)
            except OSError:
                continue


def _handler(centre: Centre) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            centre.connections += 1
            super().setup()

        def do_GET(self) -> None:
            asked = self.headers.get("If-None-Match", "")
            centre.polls.append(asked)
            time.sleep(centre.delay)
            if self._is_refused():
                return
            if asked == centre.etag:
                self._answer(304, b"")
                return
            body = centre.spoil(centre.data)
            if "gzip" in self.headers.get("Accept-Encoding", ""):
                self._answer(200, compressed(body), {"Content-Encoding": "gzip"})
            else:
                self._answer(200, body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self._is_refused():
                return
            if centre.report_status != 204:
                self._answer(centre.report_status, b"no")
            else:
                centre.reports.append(json.loads(body))
                self._answer(204, b"")

        def _is_refused(self) -> bool:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._answer(401, b"", {"WWW-Authenticate": "Bearer"})
                return True
            if centre.status != 200:
                self._answer(centre.status, b"out of order")
                return True
            return False

        def _answer(self, status: int, body: bytes, more: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            if status in {200, 304}:
                self.send_header("ETag", centre.etag)
                self.send_header("Relay-Time", f"{centre.time():.3f}")
            for name, value in {**(more or {}), **centre.headers}.items():
                self.send_header(name, value)
            if status not in {204, 304}:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests look at what was asked, not at lines."""

    return Handler


@contextmanager
def centre() -> Iterator[Centre]:
    """A service that runs."""
    found = Centre()
    found.serve(snapshot())
    found.start()
    try:
        yield found
    finally:
        found.stop()


def config_text(folder: Path, url: str, **options: str) -> str:
    """A configuration file for an agent whose every folder is below `folder`.

    `options` are lines for sections: `tables="types = hash"`.
    """
    sections = {
        "service": f"url = {url}\ntoken_file = {folder}/token\npoll_seconds = 0.1",
        "keys": f"k1 = {pinned()}",
        "state": f"folder = {folder}/state",
        "tables": f"folder = {folder}/map",
    }
    for name, lines in options.items():
        sections[name] = f"{sections.get(name, '')}\n{lines}".strip()
    return "".join(f"[{name}]\n{lines}\n" for name, lines in sections.items())


def prepare(folder: Path, url: str, /, **options: str) -> Path:
    """The configuration file at its place, with token and folders. Its path."""
    (folder / "token").write_text(TOKEN + "\n")
    for name in ("state", "map"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "agent.conf"
    path.write_text(config_text(folder, url, **options))
    return path
