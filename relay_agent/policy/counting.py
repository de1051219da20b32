"""How many recipients an address had in the last hour and in the last day, in bounded memory.

Time is cut into slots, of a minute for the hour and of half an hour for the day. A slot counts
until all of it lies outside: what was sent leaves the count up to one slot late, never early. A
window has room for all its slots from the start (about 0.3 KiB); how busy a sender is does not
matter. Times are of any clock that is never set back, in seconds.
"""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from relay_agent.snapshot import Limits

MOST_ADDRESSES = 65_536  # a campus /16; about 1 KiB each
LARGEST = 2**32 - 1
NEVER = math.inf

K = TypeVar("K")
V = TypeVar("V")


class Latest(OrderedDict[K, V], Generic[K, V]):
    """A mapping of the `most` keys that were used last; the others are forgotten."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def use(self, key: K, new: V) -> V:
        """What is kept for `key`; `new` from now on, if it is nothing yet."""
        value = self.setdefault(key, new)
        self.move_to_end(key)
        if len(self) > self.most:
            self.popitem(last=False)
        return value


class Window:
    """Counts over the last `slots` slots of `seconds` each, and the slot that is running."""

    __slots__ = ("counts", "newest", "seconds", "total")

    def __init__(self, slots: int, seconds: int) -> None:
        self.seconds = seconds
        self.counts = array("I", [0]) * (slots + 1)
        self.newest = 0
        self.total = 0

    def used(self, now: float) -> int:
        """The count at `now`."""
        slot, size = int(now // self.seconds), len(self.counts)
        if slot <= self.newest:
            return self.total
        if self.total:
            for gone in range(self.newest + 1, min(slot, self.newest + size) + 1):
                self.total -= self.counts[gone % size]
                self.counts[gone % size] = 0
        self.newest = slot
        return self.total

    def add(self, count: int, now: float) -> None:
        self.used(now)
        index = self.newest % len(self.counts)
        count = min(count, LARGEST - self.counts[index])
        self.counts[index] += count
        self.total += count

    def falls_to(self, most: int, now: float) -> float:
        """Seconds until the count is `most` at most, if nothing is added; NEVER below zero."""
        left, size = self.used(now), len(self.counts)
        if most < 0:
            return NEVER
        if left <= most:
            return 0.0
        for slot in range(self.newest - size + 1, self.newest + 1):
            left -= self.counts[slot % size]
            if left <= most:
                return (slot + size) * self.seconds - now
        return NEVER


@dataclass(frozen=True)
class Over:
    """A limit that would be passed: so many in an hour, or a day; room in `seconds` seconds."""

    limit: int
    span: str
    seconds: float


@dataclass(frozen=True)
class Usage:
    """What one address had."""

    hour: Window = field(default_factory=lambda: Window(60, 60))
    day: Window = field(default_factory=lambda: Window(48, 1800))

    def add(self, count: int, now: float) -> None:
        self.hour.add(count, now)
        self.day.add(count, now)

    def over(self, limits: Limits, count: int, now: float) -> Over | None:
        """The limit that `count` more would pass: where both, the one that lasts longer."""
        asked = [("hour", self.hour, limits.per_hour), ("day", self.day, limits.per_day)]
        found = [
            Over(limit, span, window.falls_to(limit - count, now))
            for span, window, limit in asked
            if limit and window.used(now) + count > limit
        ]
        return max(found, key=lambda over: over.seconds, default=None)
