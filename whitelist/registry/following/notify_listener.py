"""The sockets of NOTIFY: UDP and TCP on one port, in one thread.

Whatever comes, the loop goes on: connections are few, short, and cut off when they stall, and
what may notify us is read from the database once in a few seconds, not once a packet.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from whitelist.addresses import AddressError, parse_address
from whitelist.registry.following.notify import (
    MOST_BYTES,
    Answer,
    Hints,
    Known,
    answer,
)

log = logging.getLogger(__name__)

KNOWN_FOR = 5.0  # seconds
# What is not believed may be of a zone that is followed since a moment ago.
KNOWN_AT_LEAST = 0.2
CONNECTION_TIMEOUT = 5.0
MOST_CONNECTIONS = 50
TICK = 0.5
PACKETS_A_TURN = 100


@dataclass
class Conversation:
    """One TCP connection: messages with two bytes of length before each (RFC 1035, 4.2.2)."""

    peer: str
    deadline: float
    received: bytearray = field(default_factory=bytearray)

    def message(self) -> bytes | None:
        """The next complete message, or None."""
        size = int.from_bytes(self.received[:2], "big") + 2
        if len(self.received) < max(size, 2):
            return None
        message = bytes(self.received[2:size])
        del self.received[:size]
        return message


class NotifyListener:
    """Answers NOTIFY on one address and port, and passes on what it believes.

    `load` gives what may notify us; `ask` is called with a zone's row. Errors of either are
    logged, and the next message is answered all the same.
    """

    def __init__(
        self, host: str, port: int, *, load: Callable[[], Known], ask: Callable[[int], None]
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.load, self.ask = load, ask
        self.hints = Hints()
        self.known: Known | None = None
        self.known_since = float("-inf")
        self.conversations: dict[socket.socket, Conversation] = {}
        self.selector = selectors.DefaultSelector()
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.tcp = socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
        self.udp.bind((host, port))
        for listening in (self.udp, self.tcp):
            listening.setblocking(False)
            self.selector.register(listening, selectors.EVENT_READ)

    def close(self) -> None:
        for connection in list(self.conversations):
            self.hang_up(connection)
        for listening in (self.udp, self.tcp, self.selector):
            listening.close()

    def run(self, stopped: Callable[[], bool]) -> None:
        while not stopped():
            self.turn()

    def turn(self) -> None:
        """Wait for a message, or for a hint to come due, and handle all that is there."""
        wait = self.hints.wait(time.monotonic())
        for key, _events in self.selector.select(TICK if wait is None else min(TICK, wait)):
            if key.fileobj is self.udp:
                self.read_packets()
            elif key.fileobj is self.tcp:
                self.accept()
            elif isinstance(key.fileobj, socket.socket):
                self.read(key.fileobj)
        now = time.monotonic()
        for connection, conversation in list(self.conversations.items()):
            if conversation.deadline < now:
                self.hang_up(connection)
        for zone in self.hints.due(now):
            self.pass_on(zone)

    def read_packets(self) -> None:
        for _ in range(PACKETS_A_TURN):
            try:
                wire, peer = self.udp.recvfrom(MOST_BYTES)
            except OSError:  # nothing more, or an ICMP error of an earlier answer
                return
            response = self.answer(wire, peer[0])
            if response is not None:
                with contextlib.suppress(OSError):
                    self.udp.sendto(response, peer)

    def accept(self) -> None:
        try:
            connection, peer = self.tcp.accept()
        except OSError:
            return
        if len(self.conversations) >= MOST_CONNECTIONS:
            connection.close()
            return
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ)
        deadline = time.monotonic() + CONNECTION_TIMEOUT
        self.conversations[connection] = Conversation(peer[0], deadline)

    def read(self, connection: socket.socket) -> None:
        conversation = self.conversations[connection]
        try:
            received = connection.recv(MOST_BYTES)
            conversation.received += received
            while (message := conversation.message()) is not None:
                response = self.answer(message, conversation.peer)
                if response is not None:
                    connection.sendall(len(response).to_bytes(2, "big") + response)
        except OSError:
            received = b""
        if not received or len(conversation.received) > MOST_BYTES:
            self.hang_up(connection)

    def hang_up(self, connection: socket.socket) -> None:
        del self.conversations[connection]
        self.selector.unregister(connection)
        connection.close()

    def answer(self, wire: bytes, source: str) -> bytes | None:
        now = time.monotonic()
        given = self.judged(wire, source, now - KNOWN_FOR)
        if not given.zones:
            given = self.judged(wire, source, now - KNOWN_AT_LEAST)
        for zone in given.zones:
            self.hints.add(zone, now)
        return given.wire

    def judged(self, wire: bytes, source: str, not_before: float) -> Answer:
        """The answer by what was known at that time or later (monotonic seconds)."""
        if self.known_since < not_before:
            self.reload()
        return Answer(None) if self.known is None else answer(wire, canonical(source), self.known)

    def reload(self) -> None:
        """What was known stays known while the database is away."""
        self.known_since = time.monotonic()
        try:
            self.known = self.load()
        except Exception:
            log.exception("NOTIFY: cannot read which zones are followed")

    def pass_on(self, zone: int) -> None:
        try:
            self.ask(zone)
        except Exception:
            log.exception("NOTIFY: zone %d could not be asked about", zone)


def canonical(source: str) -> str:
    """The peer's address as the zones' servers are stored."""
    try:
        return str(parse_address(source))
    except AddressError:
        return source.partition("%")[0]
