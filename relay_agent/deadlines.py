"""When entries end by this machine's own clocks: wall clock or time since boot, the earlier one.

A wall clock that is set back must not lengthen an entry. So each (address, expiry) is given, when
it is first seen, an end in time since boot as well; that end only ever moves forward in time if
the wall clock is set ahead, never back.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from relay_agent.text import Records, parse_record

REMEMBER_SECONDS = 86_400.0  # a lapsed entry that a publisher with a late clock puts back
STEP_SECONDS = 0.05  # less is the noise of reading two clocks


Record = tuple[bytes, bytes]


class Now(NamedTuple):
    """Both clocks, in seconds: since 1970, and since boot with time asleep."""

    wall: float
    boot: float


class End(NamedTuple):
    """When an entry ends, by either clock."""

    wall: float
    boot: float

    def left(self, now: Now) -> float:
        """Seconds until the first clock says so; not above zero: it has lapsed."""
        return min(self.wall - now.wall, self.boot - now.boot)


NEVER = End(float("inf"), float("inf"))
LONG_AGO = End(float("-inf"), float("-inf"))


def read_clocks() -> Now:
    return Now(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


@dataclass
class Deadlines:
    """The ends of all entries seen, by record. Any thread may ask.

    At `valid_until` they have all lapsed, whatever their own ends.
    """

    ends: dict[Record, End] = field(default_factory=dict)
    offset: float | None = None
    valid_until: End = NEVER
    changing: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def note(self, records: Records, now: Now) -> dict[Record, End]:
        """Remember entries that are new. What is no entry of ours has no end: it lapses now.

        The ends of these and of others.
        """
        ends = self.ends
        if records.items() <= ends.keys():
            return ends
        with self.changing:
            for record in records.items():
                if record not in self.ends:
                    self.ends[record] = _end(_expiry(record), now)
            return self.ends

    def follow(self, now: Now) -> None:
        """Call at every look: a wall clock set ahead brings the ends nearer."""
        offset = now.boot - now.wall
        with self.changing:
            if self.offset is not None and offset < self.offset - STEP_SECONDS:
                self.ends = {record: _nearer(end, offset) for record, end in self.ends.items()}
                self.valid_until = _nearer(self.valid_until, offset)
            self.offset = offset

    def vouch_until(self, not_after: float, now: Now) -> None:
        """Entries are vouched for until `not_after`. The same once more lengthens nothing."""
        with self.changing:
            if not_after != self.valid_until.wall:
                self.valid_until = _end(not_after, now)

    def forget(self, now: Now) -> None:
        """Drop what lapsed a day ago."""
        oldest = now.boot - REMEMBER_SECONDS
        with self.changing:
            self.ends = {record: end for record, end in self.ends.items() if end.boot > oldest}

    def lasting(self, records: Records, now: Now) -> Records:
        """The records that have not lapsed. An entry with expiry E is gone at wall time E."""
        if self.valid_until.left(now) <= 0:
            return {}
        ends = self.note(records, now)
        return {
            record[0]: record[1]
            for record in records.items()
            if (end := ends[record]).wall > now.wall and end.boot > now.boot
        }

    def next_end(self, records: Records, now: Now) -> End:
        """When the first of the records lapses, by either clock; never, if there are none."""
        if not records:
            return NEVER
        noted = self.note(records, now)
        ends = [self.valid_until, *(noted[record] for record in records.items())]
        return End(min(map(attrgetter("wall"), ends)), min(map(attrgetter("boot"), ends)))


def _end(wall: float, now: Now) -> End:
    return End(wall, now.boot + wall - now.wall)


def _nearer(end: End, offset: float) -> End:
    """The end after a wall clock was set ahead: `offset` is boot time less wall time now."""
    return end._replace(boot=min(end.boot, end.wall + offset))


def _expiry(record: Record) -> float:
    try:
        return float(parse_record(*record)[1])
    except ValueError:
        return float("-inf")
