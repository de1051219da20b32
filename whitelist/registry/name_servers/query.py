"""Small questions to one server: a zone's SOA, and the records of a name.

Only what the server says with authority counts; none of it is looked up elsewhere.
"""

from __future__ import annotations

import socket
import time
from typing import Literal

import dns.rcode
import dns.rdatatype

from whitelist.registry.name_servers.faults import ElsewhereError, Fault
from whitelist.registry.name_servers.request import NOERROR, Believer, Request, question
from whitelist.registry.name_servers.server import Server
from whitelist.registry.name_servers.stream import Stream, reason
from whitelist.registry.name_servers.wire import AA, SOA_KIND, TC, Message, Record, Soa, WireError

__all__ = ["Kind", "Server", "Soa", "ask_records", "ask_soa"]

Kind = Literal["A", "AAAA", "PTR"]
TRIES = 2
LARGEST = 65_535
NXDOMAIN = int(dns.rcode.NXDOMAIN)


def ask_soa(server: Server, zone: str, *, timeout: float) -> Soa:
    """The SOA of a zone. Raises `NameServerError` after at most `timeout` seconds."""
    request = question(server, zone, dns.rdatatype.SOA)
    records, _message = answer(request, timeout, accepted=(NOERROR,))
    for record in records:
        if record.type == "SOA" and record.owner == request.name:
            return Soa.of(record)
    raise request.error(Fault.NOT_SERVED, "the server has no SOA of this zone")


def ask_records(server: Server, owner: str, kind: Kind, *, timeout: float) -> list[str]:
    """Addresses or names that the server's zones hold for `owner`; empty where there are none.

    Aliases are followed as far as the answer leads: an RFC 2317 child on the same server.
    Raises `NameServerError`: NOT_SERVED also where a delegation leads elsewhere, and as
    `ElsewhereError` where an alias does.
    """
    request = question(server, owner, dns.rdatatype.from_text(kind))
    records, message = answer(request, timeout, accepted=(NOERROR, NXDOMAIN))
    aliases = {record.owner: record.data for record in records if record.type == "CNAME"}
    name = request.name
    for _ in aliases:
        name = aliases.get(name, name)
    found = [record.data for record in records if (record.owner, record.type) == (name, kind)]
    if not found and aliases and not is_denial(message):
        raise ElsewhereError(server, name)
    return list(dict.fromkeys(found))


def is_denial(message: Message) -> bool:
    """Whether the server says that the name at the end has no such record (RFC 2308)."""
    if message.rcode == NXDOMAIN:
        return True
    _places, end = message.answer_section
    return bool(message.walk(end, message.authorities, {SOA_KIND})[0])


def answer(
    request: Request, timeout: float, *, accepted: tuple[int, ...]
) -> tuple[list[Record], Message]:
    """The believed records of an authoritative answer, and the message that brought them."""
    until = time.monotonic() + timeout
    try:
        message = over_udp(request, until)
        if message.flags & TC:
            message = over_tcp(request, until)
        Believer(request).check(message, accepted=accepted)
        if not message.flags & AA:
            raise request.error(Fault.NOT_SERVED, "the server does not speak for it (no AA)")
        return list(message.records()), message
    except WireError as error:
        raise request.error(Fault.MALFORMED, str(error)) from error


def over_udp(request: Request, until: float) -> Message:
    server = request.server
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.connect((server.address, server.port))  # the kernel drops what others send
            for left in range(TRIES, 0, -1):
                udp.send(request.wire)
                now = time.monotonic()
                message = await_reply(udp, request, now + (until - now) / left)
                if message is not None:
                    return message
    except OSError as error:
        raise request.error(Fault.DOWN, reason(error)) from error
    raise request.error(Fault.DOWN, "no answer over UDP")


def await_reply(udp: socket.socket, request: Request, until: float) -> Message | None:
    """The answer to this request; what belongs to another question is passed over."""
    while (left := until - time.monotonic()) > 0:
        udp.settimeout(left)
        try:
            datagram = udp.recv(LARGEST)
        except TimeoutError:
            return None
        if datagram[:2] == request.wire[:2]:
            message = Message(datagram)
            if request.is_answered_by(message) and (message.questions or message.rcode):
                return message
    return None


def over_tcp(request: Request, until: float) -> Message:
    with Stream(request.server, until=until, stall=until - time.monotonic()) as stream:
        stream.send(request.wire)
        message = Message(stream.read())
    if not request.is_answered_by(message):
        raise request.error(Fault.MALFORMED, "an answer to another question")
    return message
