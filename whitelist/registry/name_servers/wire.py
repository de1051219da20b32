"""DNS messages (RFC 1035, section 4) → the records that we look at, fast. Pure.

Written for a million records in seconds: a message is walked without reading its names, and
read only where somebody wants to know. Whatever bytes come in, the answer is records or a
`WireError`, in time and memory bounded by the size of the message.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from ipaddress import IPv6Address
from socket import AF_INET6, inet_ntoa, inet_ntop
from typing import NamedTuple

A, NS, CNAME, SOA, PTR, AAAA, DNAME, TSIG = 1, 2, 5, 6, 12, 28, 39, 250
TYPES = {A: "A", NS: "NS", CNAME: "CNAME", SOA: "SOA", PTR: "PTR", AAAA: "AAAA", DNAME: "DNAME"}
IN, ANY = 1, 255
KINDS = {(number << 16 | IN): name for number, name in TYPES.items()}
"""Type and class as the one number that they are on the wire."""
SOA_KIND, NS_KIND, DNAME_KIND = (number << 16 | IN for number in (SOA, NS, DNAME))
TSIG_KIND = TSIG << 16 | ANY
LANDMARKS = frozenset({SOA_KIND, NS_KIND, DNAME_KIND})
"""What tells where a zone begins and ends, and where others begin in it."""

HEADER = struct.Struct(">6H")
QUESTION = struct.Struct(">I")
RECORD = struct.Struct(">IIH")
SOA_NUMBERS = struct.Struct(">5I")
QR, OPCODE, AA, TC, RCODE = 0x8000, 0x7800, 0x0400, 0x0200, 0x000F

POINTER, LABEL = 0xC0, 0x40
MAX_NAME, MAX_POINTERS = 253, 127
ODD = "\0"
"""Stands for a byte that is not itself in a name's text; `\\DDD` takes its place later."""
PLAIN = bytes(
    ord(chr(byte).lower()) if 0x20 < byte < 0x7F and chr(byte) not in '."();\\@$' else 0
    for byte in range(256)
)


class WireError(ValueError):
    """Not a DNS message; the text says what is wrong with it."""


class Record(NamedTuple):
    """One record. Names are in lower case, absolute, without final dot; odd bytes are `\\DDD`.

    `type` is a value of `TYPES`. `data` is a name, an address in canonical form, or an SOA's
    seven words as a master file has them.
    """

    owner: str
    type: str
    data: str


class Soa(NamedTuple):
    """The numbers of a zone's SOA; all but the serial are seconds."""

    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int

    @classmethod
    def of(cls, record: Record) -> Soa:
        return cls(*map(int, record.data.split(" ")[2:]))


class Place(NamedTuple):
    """Where a record stands: its number in the section, its kind, and offsets in the message."""

    number: int
    kind: int
    start: int
    data: int
    end: int


@contextmanager
def within_message() -> Iterator[None]:
    """Reading beyond the end means that the message is cut short."""
    try:
        yield
    except (IndexError, struct.error):
        raise WireError("the message ends too early") from None


class Message:
    """One message. Raises `WireError` where even header and question cannot be read."""

    def __init__(self, wire: bytes) -> None:
        self.wire = wire
        with within_message():
            header = HEADER.unpack_from(wire)
            self.id, self.flags, questions, self.answers, self.authorities, self.others = header
            self.questions, self.start = self.read_questions(questions)
        self.rcode: int = self.flags & RCODE

    @cached_property
    def names(self) -> Names:
        return Names(self.wire)

    def read_questions(self, count: int) -> tuple[list[tuple[str, int]], int]:
        """Name and kind of every question, and where they end."""
        at = HEADER.size
        found = []
        for _ in range(count):
            name, at = self.names.read(at)
            found.append((name, QUESTION.unpack_from(self.wire, at)[0]))
            at += QUESTION.size
        return found, at

    @cached_property
    def landmarks(self) -> list[Place]:
        """Where SOA, NS and DNAME records stand in the answer section."""
        return self.answer_section[0]

    @cached_property
    def answer_section(self) -> tuple[list[Place], int]:
        return self.walk(self.start, self.answers, LANDMARKS)

    def walk(self, at: int, count: int, wanted: Collection[int]) -> tuple[list[Place], int]:
        """The places of records of the `wanted` kinds among `count` from `at`, and the end."""
        with within_message():
            found, end = walk(self.wire, at, count, wanted)
        if end > len(self.wire):
            raise WireError("the message ends too early")
        return found, end

    def owner_at(self, place: Place) -> str:
        with within_message():
            return self.names.read(place.start)[0]

    def record_at(self, place: Place) -> Record:
        """The record there, which is of a kind in `KINDS`."""
        kind = KINDS[place.kind]
        with within_message():
            owner, _end = self.names.read(place.start)
            data = read_data(self.names, kind, place.data, place.end)
        return Record(owner, kind, data)

    def records(self) -> Iterator[Record]:
        """The records of the answer section that are of a kind in `KINDS`, in order."""
        names, wire = Names(self.wire), self.wire
        unpack, kinds = RECORD.unpack_from, KINDS
        at = self.start
        with within_message():
            for _ in range(self.answers):
                owner, at = names.read(at)
                number, _ttl, length = unpack(wire, at)
                data = at + 10
                at = data + length
                kind = kinds.get(number)
                if kind is None:
                    continue
                yield Record(owner, kind, read_data(names, kind, data, at))
        if at > len(self.wire):
            raise WireError("the message ends too early")


def walk(wire: bytes, at: int, count: int, wanted: Collection[int]) -> tuple[list[Place], int]:
    found = []
    unpack = RECORD.unpack_from
    for number in range(count):
        start = at
        size = wire[at]
        while 0 < size < LABEL:
            at += size + 1
            size = wire[at]
        if size and size < POINTER:
            raise WireError("a label of unknown type")
        at += 2 if size else 1
        kind, _ttl, length = unpack(wire, at)
        if kind in wanted:
            found.append(Place(number, kind, start, at + 10, at + 10 + length))
        at += 10 + length
    return found, at


def read_data(names: Names, kind: str, start: int, end: int) -> str:
    """The data between `start` and `end` as text. Raises `WireError` where they do not fit it."""
    if kind == "A":
        return inet_ntoa(exactly(4, names.wire, start, end))
    if kind == "AAAA":
        return ipv6_text(exactly(16, names.wire, start, end))
    if kind == "SOA":
        return read_soa(names, start, end)
    return names.read_between(start, end)


def exactly(size: int, wire: bytes, start: int, end: int) -> bytes:
    data = wire[start:end]
    if len(data) != size or end - start != size:
        raise WireError("an address of the wrong length")
    return data


def ipv6_text(packed: bytes) -> str:
    """As `ipaddress` writes it; the C library has its own way with embedded IPv4 addresses."""
    text = inet_ntop(AF_INET6, packed)
    return str(IPv6Address(packed)) if "." in text else text


def read_soa(names: Names, at: int, end: int) -> str:
    primary, at = names.read(at)
    mailbox, at = names.read(at)
    numbers = SOA_NUMBERS.unpack_from(names.wire, at)
    if at + SOA_NUMBERS.size != end:
        raise WireError("an SOA of the wrong length")
    return f"{primary}. {mailbox}. {' '.join(map(str, numbers))}"


class Names:
    """Reads the names of one message, each piece that they share only once.

    `suffixes` are names by the offset that a pointer gives, `rests` by the bytes that they end
    in; both have a dot before each label.
    """

    __slots__ = ("rests", "suffixes", "text", "wire")

    def __init__(self, wire: bytes) -> None:
        self.wire = wire
        self.text = wire.translate(PLAIN).decode("latin-1")
        self.suffixes: dict[int, str] = {}
        self.rests: dict[bytes, str] = {}

    def read(self, at: int) -> tuple[str, int]:
        """The name at an offset, and where it ends. Most are one label and a known pointer."""
        wire = self.wire
        size = wire[at]
        end = at + size + 1
        if 0 < size < LABEL and wire[end] >= POINTER:
            suffix = self.suffixes.get((wire[end] - POINTER) << 8 | wire[end + 1])
            if suffix is not None:
                name = self.text[at + 1 : end] + suffix
                if len(name) <= MAX_NAME and ODD not in name:
                    return name, end + 2
        name, end = self.read_dotted(at)
        return name[1:], end

    def read_between(self, start: int, end: int) -> str:
        """The name that fills the bytes up to `end`. Most differ in their first label only."""
        size = self.wire[start]
        after_label = start + size + 1
        rest = self.wire[after_label:end]
        suffix = self.rests.get(rest) if size < LABEL else None
        if suffix is not None:
            name = self.text[start + 1 : after_label] + suffix
            if len(name) <= MAX_NAME and ODD not in name:
                return name
        name, stop = self.read_dotted(start)
        if stop != end:
            raise WireError("a name whose length is not that of its record")
        if 0 < size < LABEL:
            self.rests[rest] = name[name.find(".", 1) :] if "." in name[1:] else ""
        return name[1:]

    def read_dotted(self, at: int, jumps: int = 0) -> tuple[str, int]:
        wire, text = self.wire, self.text
        start = at
        name = ""
        while 0 < (size := wire[at]) < LABEL:
            name += "." + text[at + 1 : at + 1 + size]
            at += size + 1
        if ODD in name:
            name = escaped(wire[start:at])
        if size >= POINTER:
            at += 1
            target = (size - POINTER) << 8 | wire[at]
            if not HEADER.size <= target < start or jumps == MAX_POINTERS:
                raise WireError("a pointer that does not point back")
            suffix = self.suffixes.get(target)
            if suffix is None:
                suffix = self.read_dotted(target, jumps + 1)[0]
                self.suffixes[target] = suffix
            name += suffix
        elif size:
            raise WireError("a label of unknown type")
        if len(name) - 3 * name.count("\\") > MAX_NAME + 1:  # an escape is three too long
            raise WireError("a name longer than 255 bytes")
        return name, at + 1


def escaped(labels: bytes) -> str:
    """Labels in a row as text, a dot before each; odd bytes as a master file writes them."""
    name = ""
    while labels:
        size = labels[0] + 1
        letters = (chr(PLAIN[b]) if PLAIN[b] else f"\\{b:03d}" for b in labels[1:size])
        name += "." + "".join(letters)
        labels = labels[size:]
    return name
