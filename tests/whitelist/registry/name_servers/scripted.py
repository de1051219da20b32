"""Name servers that answer, and misbehave, exactly as told, on ports of their own."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
from dns.rdtypes.ANY.TSIG import TSIG

from whitelist.registry.name_servers.keys import Key
from whitelist.registry.name_servers.server import Server

HOST = "127.0.0.1"
KEY = Key("xfr.campus", "hmac-sha256", b"a secret of the campus")
OTHER_SECRET = Key("xfr.campus", "hmac-sha256", b"another secret")
OTHER_NAME = Key("other.campus", "hmac-sha256", b"a secret of the campus")
OTHER_ALGORITHM = Key("xfr.campus", "hmac-sha512", b"a secret of the campus")
PATIENCE = 5.0
FUDGE = 300


def reply(
    query: dns.message.Message,
    records: Iterable[str] = (),
    *,
    rcode: int = 0,
    flags: str = "QR AA",
    authority: Iterable[str] = (),
) -> bytes:
    """An answer with these records, each as `owner TYPE data`, and without a signature."""
    message = dns.message.Message(id=query.id)
    message.flags = dns.flags.from_text(flags)
    message.set_rcode(dns.rcode.Rcode(rcode))
    message.question = list(query.question)
    message.answer = [rrset(line) for line in records]
    message.authority = [rrset(line) for line in authority]
    return message.to_wire()


def rrset(line: str) -> dns.rrset.RRset:
    owner, kind, data = line.split(" ", 2)
    return dns.rrset.from_text(owner, 300, "IN", kind, data)


@dataclass
class Signer:
    """Signs the messages of one answer; whatever a signature says can be made wrong."""

    query: dns.message.Message
    key: Key = KEY
    clock: int = 0
    error: int = 0
    other: bytes = b""
    context: dns.tsig.HMACTSig | None = None

    def sign(self, wire: bytes) -> bytes:
        key = dns.tsig.Key(self.key.name, self.key.secret, self.key.algorithm)
        any_class, tsig, number = dns.rdataclass.ANY, dns.rdatatype.TSIG, self.query.id
        empty = TSIG(any_class, tsig, key.algorithm, 0, FUDGE, b"", number, self.error, self.other)
        now = int(time.time()) + self.clock
        signature, self.context = dns.tsig.sign(
            wire, key, empty, now, self.query.mac, self.context, True
        )
        return with_signature(wire, key.name, signature.to_wire())

    def cover(self, wire: bytes) -> bytes:
        """A message without a signature of its own: the next one covers it."""
        assert self.context is not None
        self.context.update(wire)
        return wire


def with_signature(wire: bytes, name: dns.name.Name, data: bytes) -> bytes:
    fixed = struct.pack(">HHIH", dns.rdatatype.TSIG, dns.rdataclass.ANY, 0, len(data))
    others = struct.unpack_from(">H", wire, 10)[0] + 1
    return (
        wire[:10] + struct.pack(">H", others) + wire[12:] + (name.to_wire() or b"") + fixed + data
    )


def read_query(wire: bytes) -> dns.message.Message:
    """The question; its signature is read, not checked."""
    return dns.message.from_wire(wire, keyring=False)


def framed(*messages: bytes) -> bytes:
    """As they go over TCP."""
    return b"".join(struct.pack(">H", len(message)) + message for message in messages)


@dataclass
class Conversation:
    """One connection of a client, its question already read."""

    connection: socket.socket
    query: dns.message.Message

    def send(self, *messages: bytes) -> None:
        self.connection.sendall(framed(*messages))

    def send_raw(self, data: bytes) -> None:
        self.connection.sendall(data)

    def fall_silent(self) -> None:
        """Until the client goes away."""
        self.connection.recv(1)


@dataclass
class Scripted:
    """A server while it runs: where it listens, and the questions that came."""

    port: int
    questions: list[dns.message.Message] = field(default_factory=list)

    def server(self, key: Key | None = None) -> Server:
        return Server(HOST, self.port, key)


@contextmanager
def running(port: int, serve: Callable[[Scripted], None]) -> Iterator[Scripted]:
    scripted = Scripted(port)
    thread = threading.Thread(target=serve, args=(scripted,), daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        thread.join(PATIENCE)


@contextmanager
def tcp(*acts: Callable[[Conversation], object], port: int = 0) -> Iterator[Scripted]:
    """A server whose first connection is treated by the first act, and so on; then it is gone."""

    def serve(scripted: Scripted) -> None:
        for act in acts:
            with suppress(OSError):  # the client went away first, as some tests want
                connection, _address = listener.accept()
                with connection:
                    connection.settimeout(PATIENCE)
                    scripted.questions.append(read_query(first_message(connection)))
                    act(Conversation(connection, scripted.questions[-1]))

    with socket.create_server((HOST, port)) as listener:
        listener.settimeout(PATIENCE)
        with running(listener.getsockname()[1], serve) as scripted:
            yield scripted


def first_message(connection: socket.socket) -> bytes:
    with connection.makefile("rb", buffering=0) as file:
        size = file.read(2) or b""
        return file.read(int.from_bytes(size)) or b""


@contextmanager
def udp(
    *acts: Callable[[dns.message.Message], Iterable[bytes]], host: str = HOST
) -> Iterator[Scripted]:
    """A server that answers the first datagram with what the first act makes of it, and so on."""

    def serve(scripted: Scripted) -> None:
        for act in acts:
            datagram, client = listener.recvfrom(65_535)
            scripted.questions.append(read_query(datagram))
            for answer in act(scripted.questions[-1]):
                listener.sendto(answer, client)

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as listener:
        listener.bind((host, 0))
        listener.settimeout(PATIENCE)
        with running(listener.getsockname()[1], serve) as scripted:
            yield scripted
