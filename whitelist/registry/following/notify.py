"""NOTIFY (RFC 1996): a name server says that a zone has changed. Pure.

A NOTIFY is a hint and nothing more: what it makes us do is ask for the zone's serial. So a
source that we transfer the zone from is believed by its address alone, and anybody by a TSIG
key that one of the zone's servers has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig

from whitelist.registry.following.tsig_errors import NOT_VERIFIED, tsig_error

GAP = 1.0  # seconds between two hints about one zone that are passed on
MOST_BYTES = 4096


@dataclass(frozen=True)
class NotifiedZone:
    """A zone that may be notified about: its row, the sources believed, the keys that count."""

    pk: int
    addresses: frozenset[str]
    key_names: frozenset[str]


@dataclass(frozen=True)
class Known:
    """Zones by name (lower case, no final dot; one row a view), and all TSIG keys by name."""

    zones: Mapping[str, Sequence[NotifiedZone]]
    keys: Mapping[dns.name.Name, dns.tsig.Key]


@dataclass(frozen=True)
class Answer:
    """What goes back (nothing to what is no request), and the rows of the zones to ask about."""

    wire: bytes | None
    zones: tuple[int, ...] = ()


def answer(wire: bytes, source: str, known: Known) -> Answer:
    """The answer to one message from an address. Never raises, whatever the bytes are."""
    try:
        message = dns.message.from_wire(wire, keyring=dict(known.keys))
    except NOT_VERIFIED as error:
        return Answer(not_verified(wire, error, known))
    except dns.exception.DNSException:
        return Answer(failure(wire, dns.rcode.FORMERR))
    if message.flags & dns.flags.QR:
        return Answer(None)
    if message.opcode() != dns.opcode.NOTIFY:
        return Answer(reply(message, dns.rcode.NOTIMP))
    return notified(message, source, known)


def notified(message: dns.message.Message, source: str, known: Known) -> Answer:
    question = message.question
    if (
        len(question) != 1
        or question[0].rdtype != dns.rdatatype.SOA
        or question[0].rdclass != dns.rdataclass.IN
    ):
        return Answer(reply(message, dns.rcode.FORMERR))
    zones = known.zones.get(question[0].name.to_text(omit_final_dot=True).lower(), ())
    if not zones:
        return Answer(reply(message, dns.rcode.NOTAUTH))
    believed = tuple(zone.pk for zone in zones if believes(zone, message, source))
    if not believed:
        return Answer(reply(message, dns.rcode.REFUSED))
    return Answer(reply(message, dns.rcode.NOERROR), believed)


def believes(zone: NotifiedZone, message: dns.message.Message, source: str) -> bool:
    if message.keyname is None:
        return source in zone.addresses
    return message.keyname.to_text(omit_final_dot=True).lower() in zone.key_names


def reply(message: dns.message.Message, rcode: dns.rcode.Rcode) -> bytes:
    """The reply, signed where the request was."""
    response = dns.message.make_response(message)
    response.set_rcode(rcode)
    if rcode == dns.rcode.NOERROR:
        response.flags |= dns.flags.AA
    return response.to_wire()


def not_verified(wire: bytes, error: dns.exception.DNSException, known: Known) -> bytes | None:
    """Which key, secret or clock is wrong; nothing for a response."""
    try:
        return tsig_error(wire, error, known.keys)
    except dns.exception.DNSException:
        return failure(wire, dns.rcode.FORMERR)


def failure(wire: bytes, rcode: dns.rcode.Rcode) -> bytes | None:
    """A header alone for a request that cannot be read; nothing for a response."""
    if len(wire) < 12 or wire[2] & 0x80:
        return None
    return wire[:2] + bytes([0x80 | wire[2] & 0x79, rcode]) + bytes(8)


@dataclass
class Hints:
    """Hints about zones, so thinned out that nobody can drive us: one a zone in `GAP` seconds.

    The first goes on at once; those that come too early are kept as one, due when the gap ends.
    """

    passed: dict[int, float] = field(default_factory=dict)
    waiting: dict[int, float] = field(default_factory=dict)

    def add(self, zone: int, now: float) -> None:
        self.waiting.setdefault(zone, max(now, self.passed.get(zone, now - GAP) + GAP))

    def due(self, now: float) -> Iterator[int]:
        """Zones to ask about now; each is handed out once."""
        for zone in [zone for zone, at in self.waiting.items() if at <= now]:
            del self.waiting[zone]
            self.passed[zone] = now
            yield zone

    def wait(self, now: float) -> float | None:
        """Seconds until the next is due; None where none waits."""
        return max(0.0, min(self.waiting.values()) - now) if self.waiting else None
