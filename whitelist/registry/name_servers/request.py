"""What we ask, signed where the server has a key, and whether an answer may be believed."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
from dns.rdtypes.ANY.TSIG import TSIG

from whitelist.registry.name_servers.faults import Fault, NameServerError
from whitelist.registry.name_servers.server import Server
from whitelist.registry.name_servers.wire import (
    OPCODE,
    QR,
    TSIG_KIND,
    Message,
    Place,
)

EDNS_PAYLOAD = 1232
MOST_UNSIGNED = 99
"""Messages in a row that one signature may cover (RFC 8945, 5.3.1)."""
NOERROR = int(dns.rcode.NOERROR)
RCODES = {dns.rcode.REFUSED: Fault.REFUSED, dns.rcode.FORMERR: Fault.MALFORMED}
WRONG_KEYS: dict[type[dns.exception.DNSException], str] = {
    dns.tsig.PeerBadKey: "BADKEY: the server does not know the key",
    dns.tsig.PeerBadSignature: "BADSIG: the server has another secret",
    dns.tsig.BadKey: "the answer is signed with another key",
    dns.tsig.BadAlgorithm: "the answer is signed with another algorithm",
    dns.tsig.BadSignature: "the signature of the answer does not verify",
}
WRONG_KEY: tuple[type[dns.exception.DNSException], ...] = (dns.tsig.PeerError, *WRONG_KEYS)


@dataclass(frozen=True)
class Request:
    """One question as it goes out. `name` is as our reader writes names, `kind` type and class."""

    server: Server
    wire: bytes = field(repr=False)
    id: int
    name: str
    kind: int
    mac: bytes = field(repr=False)

    def error(self, fault: Fault, detail: str) -> NameServerError:
        return NameServerError(fault, self.server, detail)

    def is_answered_by(self, message: Message) -> bool:
        """Whether it is an answer, and to this; servers may leave the question out."""
        return (
            message.id == self.id
            and message.flags & (QR | OPCODE) == QR
            and (not message.questions or message.questions == [(self.name, self.kind)])
        )


def question(server: Server, name: str, kind: dns.rdatatype.RdataType) -> Request:
    """A question for UDP or TCP. Raises `ValueError` where `name` is no domain name."""
    message = dns.message.make_query(
        parsed(name), kind, flags=dns.flags.Flag(0), use_edns=0, payload=EDNS_PAYLOAD
    )
    return signed(server, message)


def transfer_request(server: Server, zone: str, serial: int | None) -> Request:
    """Asks for all of a zone, or for what came after `serial`. Raises `ValueError`."""
    name = parsed(zone)
    kind = dns.rdatatype.AXFR if serial is None else dns.rdatatype.IXFR
    message = dns.message.make_query(name, kind, flags=dns.flags.Flag(0), use_edns=False)
    if serial is not None:
        soa = dns.rrset.from_text(name, 0, "IN", "SOA", f". . {serial} 0 0 0 0")
        message.authority.append(soa)
    return signed(server, message)


def parsed(name: str) -> dns.name.Name:
    try:
        return dns.name.from_text(name.lower())
    except dns.exception.DNSException as error:
        raise ValueError(f"{name[:80]!r} is not a domain name: {error}") from error


def signed(server: Server, message: dns.message.Message) -> Request:
    key = tsig_key(server)
    if key is not None:
        message.use_tsig(key)
    wire = message.to_wire()
    name, kind = Message(wire).questions[0]
    return Request(server, wire, message.id, name, kind, message.mac or b"")


def tsig_key(server: Server) -> dns.tsig.Key | None:
    """For a moment's use only: its repr shows the secret."""
    key = server.key
    return None if key is None else dns.tsig.Key(key.name, key.secret, key.algorithm)


def read_signature(message: Message, place: Place) -> tuple[dns.name.Name, TSIG]:
    owner, _size = dns.name.from_wire(message.wire, place.start)
    size = place.end - place.data
    any_class, tsig = dns.rdataclass.ANY, dns.rdatatype.TSIG
    rdata = dns.rdata.from_wire(any_class, tsig, message.wire, place.data, size)
    return owner, cast(TSIG, rdata)


class Believer:
    """Authenticates the messages of one answer, one after the other (RFC 8945, 5.3).

    An error code needs no signature to be believed: it only ever stops us.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.key = tsig_key(request.server)
        self.context: dns.tsig.HMACTSig | dns.tsig.GSSTSig | None = None
        self.unsigned = 0

    def check(self, message: Message, *, accepted: Collection[int] = (NOERROR,)) -> None:
        """Raises `NameServerError` and `WireError` where the message cannot be believed."""
        place = self.signature(message)
        if place is not None:
            self.check_signed(message, place)
        elif message.rcode in accepted:
            self.check_unsigned(message)
        if message.rcode not in accepted:
            raise self.refusal(message.rcode)

    def check_end(self) -> None:
        """To be called after the last message: nothing may remain without a signature."""
        if self.unsigned:
            raise self.request.error(Fault.WRONG_KEY, "the last message is not signed")

    def signature(self, message: Message) -> Place | None:
        _places, at = message.answer_section
        count = message.authorities + message.others
        places, end = message.walk(at, count, {TSIG_KIND})
        if end != len(message.wire):
            raise self.request.error(Fault.MALFORMED, "bytes after the end of the message")
        if places and places[0].number != count - 1:
            raise self.request.error(Fault.MALFORMED, "the signature is not the last record")
        return places[0] if places else None

    def check_signed(self, message: Message, place: Place) -> None:
        if self.key is None:
            raise self.request.error(Fault.MALFORMED, "signed, which we had not asked for")
        now = int(time.time())
        try:
            owner, rdata = read_signature(message, place)
            # Its multi-message mode is right for one message too.
            self.context = dns.tsig.validate(  # type: ignore[no-untyped-call]
                message.wire,
                self.key,
                owner,
                rdata,
                now,
                self.request.mac,
                place.start,
                self.context,
                True,
            )
        except dns.tsig.PeerBadTime:
            raise self.clock_error("BADTIME", int.from_bytes(rdata.other) - now) from None
        except dns.tsig.BadTime:
            raise self.clock_error("signed at another time", rdata.time_signed - now) from None
        except dns.exception.DNSException as error:
            if isinstance(error, WRONG_KEY):
                detail = WRONG_KEYS.get(type(error)) or f"the server refuses our signature: {error}"
                raise self.request.error(Fault.WRONG_KEY, detail) from None
            raise self.request.error(Fault.MALFORMED, "not a signature") from None
        self.unsigned = 0

    def clock_error(self, what: str, seconds: int) -> NameServerError:
        detail = f"{what}: the server's clock is {seconds:+d} s from ours"
        return self.request.error(Fault.CLOCK, detail)

    def check_unsigned(self, message: Message) -> None:
        if self.key is None:
            return
        if self.context is None:
            raise self.request.error(Fault.WRONG_KEY, "the answer is not signed")
        self.unsigned += 1
        if self.unsigned > MOST_UNSIGNED:
            raise self.request.error(Fault.WRONG_KEY, "too many messages without a signature")
        self.context.update(message.wire)  # type: ignore[no-untyped-call]

    def refusal(self, rcode: int) -> NameServerError:
        detail = dns.rcode.to_text(dns.rcode.Rcode(rcode))
        if rcode == dns.rcode.NOTAUTH and self.key is None:
            detail += ": the zone is not served there, or the server wants a key"
        if rcode == dns.rcode.REFUSED:
            detail += ": we may not ask this, or the zone is not served there"
        return self.request.error(RCODES.get(dns.rcode.Rcode(rcode), Fault.NOT_SERVED), detail)
