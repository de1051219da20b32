"""Asks the service for the snapshot, and reports to it: HTTP on one connection that is kept.

Nothing here waits for longer than the deadline of one question, whatever the other side does.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import ssl
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from relay_agent.deadlines import read_clocks
from relay_agent.snapshot import MOST_BYTES

SNAPSHOT_PATH = "/relay/v1/snapshot"
REPORT_PATH = "/relay/v1/report"
POLL_SECONDS = 10.0
REPORT_SECONDS = 5.0
CHUNK = 65536
GZIP = 31  # zlib's word for a gzip header
USER_AGENT = "smtp-whitelist-agent"


class FeedError(Exception):
    """The service gave no answer that can be used. `status` is HTTP's; 0: there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """An answer to a poll. `data` is None where nothing changed.

    `time` is what the service's clock said, in Unix seconds; None where it did not. `sent` and
    `received` are this machine's seconds since boot, around it.
    """

    data: bytes | None
    etag: str
    time: float | None
    sent: float
    received: float


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Whom to believe over https: the system's authorities or one file's. Raises OSError."""
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Feed:
    """The service at `url`, for the relay with this token. One thread at a time."""

    def __init__(
        self,
        url: str,
        token: str,
        context: ssl.SSLContext | None = None,
        *,
        boot: Callable[[], float] = lambda: read_clocks().boot,
    ) -> None:
        self.parts: SplitResult = urlsplit(url)
        self.context = context
        self.boot = boot
        self.headers = {"Authorization": f"Bearer {token}", "User-Agent": USER_AGENT}
        self.link: Link | None = None
        self.interrupted = False

    def poll(self, etag: str = "", deadline: float = POLL_SECONDS) -> Answer:
        """The snapshot, unless it is still the one with this ETag. Raises FeedError."""
        headers = {"Accept-Encoding": "gzip"}
        if etag:
            headers["If-None-Match"] = etag
        response, sent, received = self._ask("GET", SNAPSHOT_PATH, deadline, headers, None)
        body = self._body(response)
        if response.status not in {200, 304}:
            raise _refusal(response.status, body)
        data = _plain(response, body) if response.status == 200 else None
        return Answer(
            data=data,
            etag=response.headers.get("ETag", "") if data is not None else etag,
            time=_relay_time(response),
            sent=sent,
            received=received,
        )

    def report(self, body: bytes, deadline: float = REPORT_SECONDS) -> None:
        """Hand in a report. Raises FeedError."""
        headers = {"Content-Type": "application/json"}
        response, *_ = self._ask("POST", REPORT_PATH, deadline, headers, body)
        said = self._body(response)
        if response.status not in {200, 204}:
            raise _refusal(response.status, said)

    def interrupt(self) -> None:
        """From another thread, at the end: whoever waits for an answer gets a FeedError."""
        self.interrupted = True
        link = self.link
        if link is not None:
            link.wire.interrupt()

    def close(self) -> None:
        if self.link is not None:
            self.link.wire.end()
        self.link = None

    def _ask(
        self, method: str, path: str, deadline: float, headers: dict[str, str], body: bytes | None
    ) -> tuple[http.client.HTTPResponse, float, float]:
        """The answer's head, and when it was asked and came. A kept connection that the other
        side let go of meanwhile is no failure: then once more, on a new one."""
        until = time.monotonic() + deadline
        while True:
            was_kept = self.link is not None
            try:
                return self._ask_once(method, path, until, headers, body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # http.client's RemoteDisconnected is a ConnectionError too.
                once_more = was_kept and isinstance(error, ConnectionError)
                if not once_more or self.interrupted:
                    raise FeedError(_why(error)) from error

    def _ask_once(
        self, method: str, path: str, until: float, headers: dict[str, str], body: bytes | None
    ) -> tuple[http.client.HTTPResponse, float, float]:
        if self.link is None:
            self.link = self._connect(until)
        connection, wire = self.link
        wire.until = until
        sent = self.boot()
        connection.request(method, self.parts.path + path, body, {**self.headers, **headers})
        response = connection.getresponse()
        return response, sent, self.boot()

    def _connect(self, until: float) -> Link:
        host, secure = self.parts.hostname or "", self.parts.scheme == "https"
        port = self.parts.port or (443 if secure else 80)
        plain = socket.create_connection((host, port), timeout=_left(until))
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(_left(until))
            context = self.context or trust(None)
            found = context.wrap_socket(plain, server_hostname=host) if secure else plain
        except BaseException:
            plain.close()
            raise
        wire, connection = Wire(found, until), http.client.HTTPConnection(host, port)
        if port == (443 if secure else 80):
            connection.default_port = port  # no port in the Host header
        connection.sock = wire
        connection.auto_open = 0
        return Link(connection, wire)

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        """The whole body as it was sent. Raises FeedError where it is cut, too long or too slow;
        a connection whose answer was not read to its end is of no use then."""
        try:
            body = _read_body(response)
        except FeedError:
            self.close()
            raise
        response.close()  # http.client wants to hear so, before it asks again
        if response.will_close:
            self.close()
        return body


def _read_body(response: http.client.HTTPResponse) -> bytes:
    parts, size = [], 0
    try:
        while part := response.read1(CHUNK):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise FeedError(f"the answer is longer than {MOST_BYTES} bytes")
    except (OSError, http.client.HTTPException) as error:
        raise FeedError(_why(error)) from error
    if response.length:
        raise FeedError("the answer is cut")
    return b"".join(parts)


class Wire:
    """A connected socket that gives up at `until` (monotonic), however the bytes trickle in."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self.sock = sock
        self.until = until

    def sendall(self, data: Any) -> None:
        self.sock.settimeout(_left(self.until))
        self.sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """http.client lets go of it while the answer is still to be read: see `end`."""

    def interrupt(self) -> None:
        with suppress(OSError):  # it was closed already
            self.sock.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self.sock.close()


class _Incoming(io.RawIOBase):
    """What comes in over a wire; closing it leaves the wire open for the next answer."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.wire.sock.settimeout(_left(self.wire.until))
        return self.wire.sock.recv_into(buffer)


class Link(NamedTuple):
    """A connection, and the wire beneath it."""

    connection: http.client.HTTPConnection
    wire: Wire


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no whole answer in time")
    return left


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no whole answer in time"
    return str(error) or type(error).__name__


def _refusal(status: int, body: bytes) -> FeedError:
    if status == 401:
        return FeedError("401: the service does not know this token", status)
    said = " ".join(body[:200].decode("utf-8", "replace").split())
    return FeedError(f"{status}: {said}", status)


def _plain(response: http.client.HTTPResponse, body: bytes) -> bytes:
    """The body unpacked, of a bounded size."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity":
        return body
    if coding != "gzip":
        raise FeedError(f"the answer is in {coding!r}, which was not asked for")
    unpacker = zlib.decompressobj(GZIP)
    try:
        plain = unpacker.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise FeedError(f"the answer is no sound gzip: {error}") from error
    if len(plain) > MOST_BYTES:
        raise FeedError(f"the answer is longer than {MOST_BYTES} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise FeedError("the answer is no sound gzip: it is cut, or something follows")
    return plain


def _relay_time(response: http.client.HTTPResponse) -> float | None:
    try:
        found = float(response.headers.get("Relay-Time", ""))
    except ValueError:
        return None
    return found if math.isfinite(found) and found > 0 else None
