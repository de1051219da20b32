"""The policy service itself: a thread of its own that answers many smtpd processes at once.

Whatever goes wrong here, the answer is DUNNO: no exemption, and no error to mail.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from relay_agent.policy.judge import DUNNO, NO_LIMITS, Judge, View
from relay_agent.policy.listening import listening_socket, socket_at
from relay_agent.policy.protocol import MalformedError, Reader, Request
from relay_agent.snapshot import Limits

logger = logging.getLogger("relay_agent.policy")

MOST_CONNECTIONS = 1_000  # Postfix has 100 processes unless told otherwise
STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Running:
    """What a started server is made of. `made`: the file of its socket, if it has one."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    where: str
    made: tuple[int, int] | None


class PolicyServer:
    """Answers at `listen`, which is "unix:/path" or "inet:host:port".

    `view` is called at each request, in this server's thread. `normal` limits those who are not
    exempt; without it they are not limited here. `clock` is one that is never set back. A unix
    socket gets `mode`; who may reach it is better decided by its folder.
    """

    def __init__(
        self,
        listen: str,
        view: Callable[[], View],
        normal: Limits = NO_LIMITS,
        *,
        clock: Callable[[], float] = time.monotonic,
        mode: int = 0o666,
    ) -> None:
        self.listen = listen
        self.view = view
        self.clock = clock
        self.mode = mode
        self.judge = Judge(normal)
        self.judging = threading.Lock()
        self.connections: dict[Connection, None] = {}
        self.complaint = ""
        self._running: Running | None = None

    def start(self) -> None:
        """Listen, and answer from now on. Raises OSError, or ValueError for another `listen`."""
        listener = listening_socket(self.listen, self.mode)
        where = self.listen
        if listener.family != socket.AF_UNIX:
            where = f"{where.rpartition(':')[0]}:{listener.getsockname()[1]}"
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(
            loop.create_server(lambda: Connection(self), sock=listener)
        )
        thread = threading.Thread(target=self._run, args=(loop, server), name="policy", daemon=True)
        self._running = Running(loop, thread, where, socket_at(self.listen))
        thread.start()

    def stop(self) -> None:
        """Answer nobody any more. Returns when all is closed."""
        running, self._running = self._running, None
        if running is None:
            return
        if running.thread.is_alive():
            running.loop.call_soon_threadsafe(running.loop.stop)
            running.thread.join(STOP_SECONDS)
        if running.made is not None and running.made == socket_at(self.listen):
            Path(self.listen.removeprefix("unix:")).unlink(missing_ok=True)

    @property
    def where(self) -> str:
        """`listen`, with the port that was given where 0 was asked for."""
        return self.listen if self._running is None else self._running.where

    @property
    def alive(self) -> bool:
        """Whether it is answering."""
        return self._running is not None and self._running.thread.is_alive()

    def counts(self) -> dict[str, tuple[int, int]]:
        """Messages and recipients that passed while exempt, by address, since the start."""
        with self.judging:
            return {key.decode("ascii"): total for key, total in self.judge.totals.items()}

    def answer(self, request: Request) -> str:
        """What follows `action=`. A view that fails, or a record that makes us fail: DUNNO."""
        try:
            view = self.view()
            with self.judging:
                return self.judge.action(request, view, self.clock())
        except Exception as error:  # noqa: BLE001 -- an error here must not become one to mail
            self.complain(f"{type(error).__name__}: {error}; nobody is exempt here")
            return DUNNO

    def complain(self, complaint: str) -> None:
        """Say it once, not at every request."""
        if complaint != self.complaint:
            logger.warning("%s", complaint)
        self.complaint = complaint

    def make_room(self, connection: Connection) -> None:
        """Beyond MOST_CONNECTIONS the one that said nothing for the longest time is closed."""
        self.connections[connection] = None
        if len(self.connections) > MOST_CONNECTIONS:
            oldest = next(iter(self.connections))
            del self.connections[oldest]
            oldest.abort()

    def heard(self, connection: Connection) -> None:
        """It said something: it is the latest now."""
        if connection in self.connections:
            del self.connections[connection]
            self.connections[connection] = None

    def _run(self, loop: asyncio.AbstractEventLoop, server: asyncio.Server) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            server.close()
            for connection in list(self.connections):
                connection.abort()
            loop.run_until_complete(asyncio.sleep(0))  # they end in the next turn
            loop.close()


class Connection(asyncio.Protocol):
    """One smtpd: its requests one after the other."""

    def __init__(self, server: PolicyServer) -> None:
        self.server = server
        self.reader = Reader()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.server.make_room(self)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete. After nonsense: DUNNO, and the connection ends."""
        self.server.heard(self)
        try:
            for request in self.reader.requests(data):
                self._say(self.server.answer(request))
        except MalformedError as error:
            self.server.complain(f"a malformed request: {error}")
            self._say(DUNNO)
            if self.transport is not None:
                self.transport.close()

    def pause_writing(self) -> None:
        """Whoever does not read our answers is not read either."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.transport is not None:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.connections.pop(self, None)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _say(self, action: str) -> None:
        if self.transport is not None:
            self.transport.write(b"action=%s\n\n" % action.encode("ascii"))
