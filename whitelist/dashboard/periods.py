"""The stretch of time that a dashboard is about, cut into slots."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """From the first of `marks`, the beginnings of its slots, until `now`; all aware and local.

    `slot` is how long a slot is; the last one is not over yet.
    """

    code: str
    marks: tuple[datetime, ...]
    slot: timedelta
    now: datetime

    @property
    def start(self) -> datetime:
        return self.marks[0]

    def number_of(self, at: datetime) -> int:
        """The slot that a moment is in; moments outside count to the nearest one."""
        return max(0, bisect_right(self.marks, at) - 1)

    def end_of(self, number: int) -> datetime:
        """When a slot ends: where the next begins; for the last one, where the next would."""
        last = number + 1 == len(self.marks)
        return self.marks[number] + self.slot if last else self.marks[number + 1]


def last_hours(now: datetime) -> Iterator[datetime]:
    """The hour that runs, and the 23 before it."""
    begun = now.replace(minute=0, second=0, microsecond=0)
    for number in range(23, -1, -1):
        yield (begun.astimezone(UTC) - number * HOUR).astimezone(now.tzinfo)


def quarters(now: datetime) -> Iterator[datetime]:
    """Quarters of the last seven days, the day that runs among them."""
    for day in days(now, 7):
        for hour in (0, 6, 12, 18):
            mark = day.replace(hour=hour)
            if mark <= now:
                yield mark


def days(now: datetime, number: int) -> Iterator[datetime]:
    """Local midnights, those of the last days, today's among them."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(number - 1, -1, -1):
        yield today - back * DAY  # wall clock: a midnight whatever the clocks did in between


def ranked_period(period: Period) -> Period:
    """The same stretch in hours or whole days: a quarter of a day may have too few to rank."""
    if period.slot in (HOUR, DAY):
        return period
    return Period(period.code, tuple(days(period.now, 7)), DAY, period.now)


CODES = ("24h", "7d", "30d")


def period_of(code: str, at: datetime, zone: tzinfo) -> Period:
    """The period of that code up to `at`; of the first of `CODES` where there is no such code."""
    now = at.astimezone(zone)
    if code == "7d":
        return Period(code, tuple(quarters(now)), 6 * HOUR, now)
    if code == "30d":
        return Period(code, tuple(days(now, 30)), DAY, now)
    return Period(CODES[0], tuple(last_hours(now)), HOUR, now)
