"""What was sent from whitelisted addresses, as rows of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from relay_agent.text import Records

Counts = tuple[int, int, int]  # messages, recipients, bounced
NONE: Counts = (0, 0, 0)
Row = dict[str, Any]


@dataclass
class Stay:
    """A time for which an address was exempt without a gap. `base`: the totals as it began."""

    base: Counts
    expires: int
    exempt: bool = True
    told: Counts = NONE

    def counts(self, totals: Counts) -> Counts:
        messages, recipients, bounced = (
            now - then for now, then in zip(totals, self.base, strict=True)
        )
        return messages, recipients, bounced


class Counted:
    """`totals` are by address since the agent began and only rise; `records` are those in force.

    Each stay of an address counts from nothing, so that a new entry does not inherit.
    """

    def __init__(
        self, totals: Callable[[], Mapping[str, Counts]], records: Callable[[], Records]
    ) -> None:
        self.totals = totals
        self.records = records
        self.stays: dict[str, Stay] = {}
        self.last: dict[str, Counts] = {}

    def rows(self) -> list[Row]:
        """What rose since the last report that arrived."""
        totals, records = dict(self.totals()), self.records()
        for address in totals:
            self._follow(address, records.get(address.encode("ascii")))
        self.last = totals
        return [
            _row(address, stay.expires, stay.counts(totals[address]))
            for address, stay in self.stays.items()
            if address in totals and stay.counts(totals[address]) != stay.told
        ]

    def arrived(self, rows: list[Row]) -> None:
        """These need not be told again, unless they rise."""
        for row in rows:
            stay = self.stays.get(row["address"])
            if stay is not None:
                stay.told = row["messages"], row["recipients"], row["bounced"]

    def _follow(self, address: str, value: bytes | None) -> None:
        """What left the queue after the end still belongs to the stay that ended."""
        stay = self.stays.get(address)
        if value is None:
            if stay is not None:
                stay.exempt = False
        elif stay is None or not stay.exempt:
            self.stays[address] = Stay(self.last.get(address, NONE), int(value))
        else:
            stay.expires = int(value)


def _row(address: str, expires: int, counts: Counts) -> Row:
    messages, recipients, bounced = counts
    return {
        "address": address,
        "expires": expires,
        "messages": messages,
        "recipients": recipients,
        "bounced": bounced,
    }
