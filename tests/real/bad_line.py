"""A line to a name server that breaks, or falls silent, in the middle of an answer."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from types import TracebackType
from typing import Self

from tests.real.processes import free_port

HOST = "127.0.0.1"
CHUNK = 65536
DATAGRAM_SECONDS = 2.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close without a farewell


class BadLine:
    """Listens on a free port of 127.0.0.1, UDP and TCP, and passes everything on to `port`.

    Of each TCP connection's answers `cut_after` bytes get through before it is closed (with
    `reset`: torn), or `stall_after` bytes before nothing more comes while it stays open. Both
    can be changed at any time, and hold for connections that begin later; None is a good line.
    UDP always passes, to `udp_port` where that is another server: as with one that reloads, the
    answers of both kinds may then differ. `passed` is how many bytes of answers the latest
    connection carried.
    """

    def __init__(
        self,
        port: int,
        *,
        cut_after: int | None = None,
        stall_after: int | None = None,
        reset: bool = False,
        udp_port: int | None = None,
    ) -> None:
        self.target = (HOST, port)
        self.udp_target = (HOST, port if udp_port is None else udp_port)
        self.cut_after = cut_after
        self.stall_after = stall_after
        self.reset = reset
        self.passed = 0
        self.port = free_port(HOST)
        self.closed = threading.Event()

    def __enter__(self) -> Self:
        self.listener = socket.create_server((HOST, self.port))
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind((HOST, self.port))
        for serve in (self._serve_tcp, self._serve_udp):
            threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closed.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        with contextlib.suppress(OSError):
            self.datagrams.shutdown(socket.SHUT_RDWR)  # wakes recvfrom
        self.listener.close()
        self.datagrams.close()

    def _serve_tcp(self) -> None:
        while not self.closed.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._carry, args=[client], daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        limits = [limit for limit in (self.cut_after, self.stall_after) if limit is not None]
        left = min(limits, default=None)
        stalls = left is not None and left == self.stall_after
        self.passed = 0
        with client, contextlib.suppress(OSError), socket.create_connection(self.target) as server:
            if not self._pass_answers(client, server, left):
                return  # one of them went away
            if stalls:
                while client.recv(CHUNK):
                    pass
            elif self.reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def _pass_answers(self, client: socket.socket, server: socket.socket, left: int | None) -> bool:
        """True once `left` bytes of answers got through; False when a side is gone."""
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            while left is None or left > 0:
                for key, _ in ready.select():
                    if key.fileobj is client:
                        data = client.recv(CHUNK)
                        server.sendall(data)
                    else:
                        data = server.recv(CHUNK if left is None else min(CHUNK, left or 1))
                        client.sendall(data)
                        self.passed += len(data)
                        left = None if left is None else left - len(data)
                    if not data:
                        return False
        return True

    def _serve_udp(self) -> None:
        while not self.closed.is_set():
            try:
                query, asker = self.datagrams.recvfrom(CHUNK)
            except OSError:
                return  # closed
            if asker:
                threading.Thread(target=self._ask, args=[query, asker], daemon=True).start()

    def _ask(self, query: bytes, asker: tuple[str, int]) -> None:
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        ):
            server.settimeout(DATAGRAM_SECONDS)
            server.connect(self.udp_target)
            server.send(query)
            self.datagrams.sendto(server.recv(CHUNK), asker)
