"""DNS messages over TCP, waiting for none longer than is left of the time."""

from __future__ import annotations

import socket
import time
from types import TracebackType
from typing import Self

from whitelist.registry.name_servers.faults import Fault, NameServerError
from whitelist.registry.name_servers.server import Server

CHUNK = 65_536


class Stream:
    """A connection to a server. `until` is of the monotonic clock, `stall` in seconds.

    Raises `NameServerError`: DOWN, CUT_OFF or STALLED.
    """

    def __init__(self, server: Server, *, until: float, stall: float) -> None:
        self.server = server
        self.until = until
        self.stall = stall
        self.received = 0
        self.buffer = bytearray()
        try:
            self.socket = socket.create_connection(
                (server.address, server.port), timeout=self.patience()
            )
        except OSError as error:
            raise self.error(Fault.DOWN, f"no connection: {reason(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def error(self, fault: Fault, detail: str) -> NameServerError:
        return NameServerError(fault, self.server, detail)

    def patience(self) -> float:
        """Seconds that the next step may take."""
        left = min(self.stall, self.until - time.monotonic())
        if left <= 0:
            raise self.error(self.silent(Fault.STALLED), "the time for the whole answer is over")
        return left

    def silent(self, otherwise: Fault) -> Fault:
        """Nothing came at all: that the connection stands says little."""
        return otherwise if self.received else Fault.DOWN

    def send(self, message: bytes) -> None:
        self.socket.settimeout(self.patience())
        try:
            self.socket.sendall(len(message).to_bytes(2) + message)
        except OSError as error:
            raise self.error(Fault.DOWN, f"the question was not taken: {reason(error)}") from error

    def read(self) -> bytes:
        """The next message."""
        size = int.from_bytes(self.take(2))
        return self.take(size)

    def take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self.fill()
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    def fill(self) -> None:
        self.socket.settimeout(self.patience())
        try:
            chunk = self.socket.recv(CHUNK)
        except TimeoutError:
            waited = f"nothing came for {self.stall:g} s, after {self.received} bytes"
            raise self.error(self.silent(Fault.STALLED), waited) from None
        except OSError as error:
            ended = f"{reason(error)}, after {self.received} bytes"
            raise self.error(self.silent(Fault.CUT_OFF), ended) from error
        if not chunk:
            ended = f"the server hung up after {self.received} bytes"
            raise self.error(self.silent(Fault.CUT_OFF), ended)
        self.received += len(chunk)
        self.buffer += chunk


def reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
