"""When entries end by this machine's own clocks: wall clock or time since boot, the earlier one.

A wall clock that is set back must not lengthen an entry. So each (address, expiry) is given, when
it is first seen, an end in time since boot as well; that end only ever moves forward in time if
the wall clock is set ahead, never back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
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


def read_clocks() -> Now:
    return Now(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


@dataclass
class Deadlines:
    """The ends of all entries seen, by record."""

    ends: dict[Record, End] = field(default_factory=dict)
    offset: float | None = None

    def note(self, records: Records, now: Now) -> None:
        """Remember entries that are new. What is no entry of ours has no end: it lapses now."""
        for record in records.items():
            if record not in self.ends:
                expiry = _expiry(record)
                self.ends[record] = End(expiry, now.boot + expiry - now.wall)

    def follow(self, now: Now) -> None:
        """Call at every look: a wall clock set ahead brings the ends nearer."""
        offset = now.boot - now.wall
        if self.offset is not None and offset < self.offset - STEP_SECONDS:
            self.ends = {
                record: end._replace(boot=min(end.boot, end.wall + offset))
                for record, end in self.ends.items()
            }
        self.offset = offset

    def forget(self, now: Now) -> None:
        """Drop what lapsed a day ago."""
        oldest = now.boot - REMEMBER_SECONDS
        self.ends = {record: end for record, end in self.ends.items() if end.boot > oldest}

    def lasting(self, records: Records, now: Now) -> Records:
        """The records that have not lapsed. An entry with expiry E is gone at wall time E."""
        self.note(records, now)
        return dict(record for record in records.items() if self.ends[record].left(now) > 0)

    def next_end(self, records: Records, now: Now) -> End:
        """When the first of the records lapses, by either clock; never, if there are none."""
        self.note(records, now)
        ends = [self.ends[record] for record in records.items()]
        return End(
            min((end.wall for end in ends), default=float("inf")),
            min((end.boot for end in ends), default=float("inf")),
        )


def _expiry(record: Record) -> float:
    try:
        return float(parse_record(*record)[1])
    except ValueError:
        return float("-inf")
