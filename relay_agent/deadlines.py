"""When entries end by this machine's own clocks: wall clock or time since boot, the earlier one.

A wall clock that is set back must not lengthen an entry. So each (address, expiry) is given, when
it is first seen, an end in time since boot as well; that end only ever moves forward in time if
the wall clock is set ahead, never back.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import NamedTuple

from relay_agent.text import Records, parse_record

REMEMBER_SECONDS = 86_400.0  # a lapsed entry that a publisher with a late clock puts back
FORGET_SECONDS = 600.0  # it takes a while where there are many
STEP_SECONDS = 0.05  # less is the noise of reading two clocks


SEEN = 4  # what stands in the snapshot, in the LMDB table and in the text, and one before

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


Coming = tuple[float, End, Record]

NEVER = End(float("inf"), float("inf"))
LONG_AGO = End(float("-inf"), float("-inf"))


def read_clocks() -> Now:
    return Now(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


@dataclass
class Deadlines:
    """The ends of all entries seen, by record. Any thread may ask.

    At `valid_until` they have all lapsed, whatever their own ends. `coming` are those of which the
    end has not come, a heap by time since boot; it is in order unless the wall clock gained on
    that: `coming_offset` is the greatest by which the two differed. `lapsed` are the others.
    `seen` are sets of records of which all have been noted, for that takes a while too.
    """

    ends: dict[Record, End] = field(default_factory=dict)
    offset: float | None = None
    valid_until: End = NEVER
    was_over: bool = False
    coming: list[Coming] = field(default_factory=list)
    coming_offset: float = float("-inf")
    lapsed: set[Record] = field(default_factory=set)
    news: bool = False
    seen: deque[Records] = field(default_factory=lambda: deque(maxlen=SEEN))
    forgotten: float = float("-inf")
    changing: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def note(self, records: Records, now: Now) -> dict[Record, End]:
        """Remember entries that are new. What is no entry of ours has no end: it lapses now.

        The ends of these and of others.
        """
        ends = self.ends
        new = [
            record for record in records.items() if record not in ends
        ]  # others may run meanwhile
        if not new:
            return ends
        with self.changing:
            offset = now.boot - now.wall
            self.coming_offset = max(offset, self.coming_offset)
            for record in new:
                if record not in self.ends:
                    self.ends[record] = end = _end(_expiry(record), now)
                    heappush(self.coming, _coming(record, end, offset))
            return self.ends

    def follow(self, now: Now) -> None:
        """Call at every look: a wall clock set ahead brings the ends nearer."""
        offset = now.boot - now.wall
        with self.changing:
            step = self.offset is not None and offset < self.offset - STEP_SECONDS
            if step:
                self.ends = {record: _nearer(end, offset) for record, end in self.ends.items()}
                self.valid_until = _nearer(self.valid_until, offset)
            self.offset = offset
            if offset < self.coming_offset - STEP_SECONDS:
                self.coming = [
                    _coming(record, _nearer(end, offset) if step else end, offset)
                    for _, end, record in self.coming
                ]
                heapify(self.coming)
                self.coming_offset = offset

    def some_lapsed(self, now: Now) -> bool:
        """Whether any have since this was last asked. Takes no time; `follow` first."""
        with self.changing:
            self._let_lapse(now)
            over = self.valid_until.left(now) <= 0
            found = self.news or (over and not self.was_over)
            self.news, self.was_over = False, over
            return found

    def _let_lapse(self, now: Now) -> None:
        while self.coming and self.coming[0][1].left(now) <= 0:
            self.lapsed.add(heappop(self.coming)[2])
            self.news = True

    def left(self, now: Now) -> float:
        """Seconds until some lapse, of which `some_lapsed` did not tell yet."""
        with self.changing:
            ends = [end for _, end, _ in self.coming[:1]]
            if not self.was_over:
                ends.append(self.valid_until)
            return min((end.left(now) for end in ends), default=float("inf"))

    def vouch_until(self, not_after: float, now: Now) -> None:
        """Entries are vouched for until `not_after`. The same once more lengthens nothing."""
        with self.changing:
            if not_after != self.valid_until.wall:
                self.valid_until = _end(not_after, now)

    def forget(self, now: Now) -> None:
        """Drop what lapsed a day ago, and do so now and then only."""
        if now.boot < self.forgotten + FORGET_SECONDS:
            return
        oldest = now.boot - REMEMBER_SECONDS
        with self.changing:
            self.forgotten = now.boot
            self.lapsed &= self.ends.keys()  # next time only: somebody may be asking now
            self.ends = {record: end for record, end in self.ends.items() if end.boot > oldest}
            self.seen.clear()

    def lasting(self, records: Records, now: Now) -> Records:
        """The records that have not lapsed. An entry with expiry E is gone at wall time E.

        Do not alter them, nor what is returned, which may be the same.
        """
        if self.valid_until.left(now) <= 0:
            return {}
        if not any(records is seen for seen in list(self.seen)):
            self.note(records, now)
            self._have_seen(records)
        with self.changing:
            self._let_lapse(now)
            lapsed = among(self.lapsed, records)
        if not lapsed:
            return records
        lasting = records.copy()
        for key in lapsed:
            del lasting[key]
        self._have_seen(lasting)
        return lasting

    def _have_seen(self, records: Records) -> None:
        if len(records) > 1:  # one alone is noted at once
            self.seen.append(records)

    def next_end(self, records: Records, now: Now) -> End:
        """When the first of the records lapses, by either clock; never, if there are none."""
        if not records:
            return NEVER
        noted = self.note(records, now)
        ends = [self.valid_until, *(noted[record] for record in records.items())]
        return End(min(map(attrgetter("wall"), ends)), min(map(attrgetter("boot"), ends)))


def among(lapsed: set[Record], records: Records) -> list[bytes]:
    """The keys of those records that have lapsed. The shorter of the two is gone through."""
    if len(lapsed) < len(records):
        return [key for key, value in lapsed if records.get(key) == value]
    return [record[0] for record in records.items() if record in lapsed]


def _coming(record: Record, end: End, offset: float) -> Coming:
    """With its time since boot, by the clock that says so first."""
    return min(end.boot, end.wall + offset), end, record


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
