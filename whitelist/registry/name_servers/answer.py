"""The order in which a transfer's records must come: AXFR (RFC 5936) and IXFR (RFC 1995). Pure.

A transfer begins and ends with the zone's SOA. In an incremental one every SOA between begins a
part: what was removed since its serial, then what was added up to the next.
"""

from __future__ import annotations

from enum import StrEnum

from whitelist.registry.name_servers.serials import is_newer
from whitelist.registry.name_servers.wire import (
    NS_KIND,
    SOA_KIND,
    Message,
    Place,
    Record,
    Soa,
    WireError,
)


class TransferKind(StrEnum):
    """What the answer holds: only that nothing is newer, the whole zone, or its changes."""

    UNCHANGED = "unchanged"
    FULL = "full"
    INCREMENTAL = "incremental"


class NoZoneError(Exception):
    """The answer has no record at all."""


class Answer:
    """Follows the messages of one answer until it is whole; `serial` is what an IXFR began at.

    `cuts` and `renamed` are collected of a full one only. `count` counts SOAs too.
    """

    def __init__(self, apex: str, serial: int | None) -> None:
        self.apex = apex
        self.serial = serial
        self.kind = TransferKind.FULL
        self.is_whole = False
        self.count = 0
        self.opening: Record | None = None
        self.parts = 0
        self.reached: int | None = None
        self.cuts: set[str] = set()
        self.renamed: set[str] = set()

    @property
    def soa(self) -> Soa:
        if self.opening is None:
            raise NoZoneError
        return Soa.of(self.opening)

    def take(self, message: Message) -> None:
        """Look at the next message.

        Raises `WireError` where the order is broken, `NoZoneError` where nothing has come.
        """
        for place in message.landmarks:
            if self.is_whole:
                raise WireError("records after the closing SOA")
            self.look_at(message, place)
        if self.is_whole and message.landmarks[-1].number != message.answers - 1:
            raise WireError("records after the closing SOA")
        self.count += message.answers
        if self.opening is None:
            if self.count:
                raise WireError("the answer does not begin with an SOA")
            raise NoZoneError
        if self.count == 1 and self.serial is not None:
            self.take_lone_soa(self.soa.serial, self.serial)

    def take_lone_soa(self, current: int, asked: int) -> None:
        """A server that has nothing newer says so by its SOA alone; else more will come."""
        if not is_newer(current, asked):
            self.kind = TransferKind.UNCHANGED
            self.is_whole = True

    def look_at(self, message: Message, place: Place) -> None:
        number = self.count + place.number
        if self.opening is None and number:
            raise WireError("the answer does not begin with an SOA")
        if place.kind == SOA_KIND:
            self.take_soa(message.record_at(place), number)
        elif self.kind == TransferKind.FULL:
            owner = message.owner_at(place)
            if is_below(owner, self.apex):
                (self.cuts if place.kind == NS_KIND else self.renamed).add(owner)
            elif owner == self.apex and place.kind != NS_KIND:
                # A DNAME at the apex moves away all that lies below it.
                self.renamed.add(owner)

    def take_soa(self, record: Record, number: int) -> None:
        if record.owner != self.apex:
            raise WireError(f"an SOA of another zone: {record.owner[:80]!r}")
        if self.opening is None:
            self.opening = record
        elif number == 1 and self.serial is not None and record != self.opening:
            self.kind = TransferKind.INCREMENTAL
            self.begin_part(record, self.serial)
        elif self.kind == TransferKind.INCREMENTAL:
            self.take_inner_soa(record)
        else:
            self.take_closing_soa(record)

    def take_inner_soa(self, record: Record) -> None:
        """After what was removed comes what was added; after that the next, or the end."""
        if self.parts % 2:
            self.parts += 1
            self.reached = Soa.of(record).serial
        elif self.reached == self.soa.serial:
            self.take_closing_soa(record)
        else:
            self.begin_part(record, self.reached)

    def take_closing_soa(self, record: Record) -> None:
        if record != self.opening:
            raise WireError("the closing SOA is not the opening one")
        self.is_whole = True

    def begin_part(self, record: Record, expected: int | None) -> None:
        serial = Soa.of(record).serial
        if serial != expected:
            raise WireError(f"changes since {serial}, where those since {expected} should follow")
        self.parts += 1


def is_below(owner: str, apex: str) -> bool:
    return owner != apex and (not apex or owner.endswith("." + apex))
