"""A zone, or what changed in it, from a name server.

The whole answer is received and authenticated before a record of it is handed on. It waits in
an unnamed file meanwhile: it is taken as fast as it comes, since servers hang up on slow
readers, and memory stays the same whatever the size.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import dns.rcode

from whitelist.registry.name_servers.answer import Answer, NoZoneError, TransferKind
from whitelist.registry.name_servers.faults import Fault, NameServerError
from whitelist.registry.name_servers.request import Believer, Request, transfer_request
from whitelist.registry.name_servers.server import Server
from whitelist.registry.name_servers.stream import Stream
from whitelist.registry.name_servers.wire import Message, Record, Soa, WireError

__all__ = ["Transfer", "TransferKind", "fetch"]

NO_IXFR = frozenset({int(dns.rcode.NOTIMP), int(dns.rcode.FORMERR)})


class UnknownIxfrError(Exception):
    """The server does not know incremental transfers."""


@dataclass(frozen=True)
class Limits:
    """`until` on the monotonic clock, `stall` in seconds, `most_bytes` of all messages."""

    until: float
    stall: float
    most_bytes: int


@dataclass(frozen=True)
class Transfer:
    """One authenticated answer; to be read while the `with` of its `fetch` lasts.

    `old_serial` is where incremental changes begin. `cuts` and `renamed` are the owners of NS
    and DNAME records below the apex, of a full transfer. `records_count` counts every record
    as it came, SOAs and types that are not read included; `bytes` is the size of all messages.
    """

    kind: TransferKind
    soa: Soa
    old_serial: int | None
    cuts: frozenset[str]
    renamed: frozenset[str]
    records_count: int
    bytes: int
    server: Server
    spool: BinaryIO = field(repr=False)

    def records(self) -> Iterator[Record]:
        """The records of a full transfer in order, without the closing SOA."""
        if self.kind != TransferKind.FULL:
            raise ValueError(f"a transfer that is {self.kind} has no records")
        begun = False
        for record in self.decoded():
            if record.type == "SOA":
                if begun:
                    return
                begun = True
            yield record

    def changes(self) -> Iterator[tuple[bool, Record]]:
        """What an incremental transfer adds (True) and removes (False), in order, without SOAs."""
        if self.kind != TransferKind.INCREMENTAL:
            raise ValueError(f"a transfer that is {self.kind} has no changes")
        added = False
        for record in self.decoded():
            if record.type == "SOA":
                added = not added  # the opening one, then in turn: removed, added, …
            else:
                yield added, record

    def decoded(self) -> Iterator[Record]:
        """Read again from the file, so one at a time. Raises `NameServerError`: MALFORMED."""
        self.spool.seek(0)
        try:
            while size := self.spool.read(2):
                yield from Message(self.spool.read(int.from_bytes(size))).records()
        except WireError as error:
            raise NameServerError(Fault.MALFORMED, self.server, str(error)) from error


@contextmanager
def fetch(
    server: Server,
    zone: str,
    *,
    serial: int | None,
    deadline: float,
    stall: float,
    most_bytes: int,
    folder: Path | None = None,
) -> Iterator[Transfer]:
    """The whole zone, or with `serial` what came after it, if the server can tell.

    `deadline` is in seconds for the whole answer, `stall` for a silence in it. The answer waits
    in `folder`, else where temporary files are. Raises `NameServerError`; `ValueError` where
    `zone` is no domain name.
    """
    limits = Limits(time.monotonic() + deadline, stall, most_bytes)
    with TemporaryFile(dir=folder) as spool:
        try:
            transfer = receive(server, zone, serial, limits, spool)
        except UnknownIxfrError:
            transfer = receive(server, zone, None, limits, spool)
        yield transfer


def receive(
    server: Server, zone: str, serial: int | None, limits: Limits, spool: BinaryIO
) -> Transfer:
    request = transfer_request(server, zone, serial)
    answer = Answer(request.name, serial)
    believer = Believer(request)
    size = 0
    with Stream(server, until=limits.until, stall=limits.stall) as stream:
        stream.send(request.wire)
        try:
            while not answer.is_whole:
                message = stream.read()
                size += len(message)
                if size > limits.most_bytes:
                    raise request.error(Fault.TOO_LARGE, f"more than {limits.most_bytes} bytes")
                take(message, request, answer, believer)
                spool.write(len(message).to_bytes(2) + message)
            believer.check_end()
        except WireError as error:
            raise request.error(Fault.MALFORMED, str(error)) from error
        except NoZoneError:
            raise request.error(Fault.NOT_SERVED, "an answer without a record") from None
    return Transfer(
        answer.kind,
        answer.soa,
        serial if answer.kind == TransferKind.INCREMENTAL else None,
        frozenset(answer.cuts),
        frozenset(answer.renamed),
        answer.count,
        size,
        server,
        spool,
    )


def take(wire: bytes, request: Request, answer: Answer, believer: Believer) -> None:
    """Check one message and follow it; nothing of it is used before all of it is believed."""
    message = Message(wire)
    if not request.is_answered_by(message):
        raise request.error(Fault.MALFORMED, "an answer to another question")
    if answer.serial is not None and answer.opening is None and message.rcode in NO_IXFR:
        raise UnknownIxfrError
    believer.check(message)  # not for AA, which knot leaves out of transfers
    answer.take(message)
