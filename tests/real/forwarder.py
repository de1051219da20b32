"""Lets a browser come from another loopback address than its own.

A browser cannot choose its source address; this forwards its connections from one, so that the
service sees a real TCP peer and no header.
"""

from __future__ import annotations

import selectors
import socket
import threading
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
CHUNK = 65536


class Forwarder:
    """Listens on a free port of 127.0.0.1 and connects to `port` from `source`."""

    def __init__(self, port: int, source: str) -> None:
        self.target = (HOST, port)
        self.source = source
        self.listener = socket.create_server((HOST, 0))
        self.port: int = self.listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.listener.close()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._forward, args=[client], daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target, source_address=(self.source, 0))
        except OSError:
            client.close()
            return
        with client, server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while ready.get_map():
                for key, _ in ready.select():
                    if not pump(key.fileobj, key.data):  # type: ignore[arg-type]
                        return


def pump(source: socket.socket, target: socket.socket) -> bool:
    """Move what is there; False when either side is gone."""
    try:
        data = source.recv(CHUNK)
        target.sendall(data)
    except OSError:
        return False
    return bool(data)
