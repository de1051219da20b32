"""A policy service for tests: it limits everybody at once."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ANSWER = b"action=450 4.7.1 policy: too much mail\n\n"


class Handler(socketserver.StreamRequestHandler):
    """One request ends with an empty line; a connection carries several."""

    def handle(self) -> None:
        for line in self.rfile:
            if line == b"\n":
                self.wfile.write(ANSWER)


@contextmanager
def policy_service() -> Iterator[int]:
    """The port on which it listens."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()
