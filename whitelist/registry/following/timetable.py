"""When a zone is asked about next. Pure: a zone's row and a time in, a time out."""

from __future__ import annotations

import hashlib
from datetime import datetime, time, timedelta, tzinfo

from whitelist.models.zone import DEFAULT_REFRESH, DEFAULT_RETRY, Zone, ZoneSource

# However silly a zone's SOA is, it can neither make us hammer its servers nor forget it.
LEAST = timedelta(minutes=1)
MOST = timedelta(days=1)
# A look at a file's time stamp costs nothing.
FILE_LOOK = timedelta(minutes=1)
JITTER = 0.1
# The hour, local time, in which every zone is read in full, each at its own moment.
NIGHT = time(3)
NIGHT_LASTS = timedelta(hours=1)


def next_check(zone: Zone, at: datetime, local: tzinfo, *, failed: bool) -> datetime:
    """When to ask again after an attempt at `at`: by retry where it failed, else by refresh.

    Never later than the zone's next full reading, since that is driven by this time too.
    """
    wait = spread(zone, retry(zone) if failed else refresh(zone))
    return at + wait if failed else min(at + wait, next_night(zone, at, local))


def refresh(zone: Zone) -> timedelta:
    if zone.source == ZoneSource.FILE:
        return FILE_LOOK
    return limited(zone.refresh, DEFAULT_REFRESH)


def retry(zone: Zone) -> timedelta:
    return limited(zone.retry, DEFAULT_RETRY)


def limited(seconds: int | None, default: int) -> timedelta:
    return min(max(timedelta(seconds=seconds or default), LEAST), MOST)


def spread(zone: Zone, wait: timedelta) -> timedelta:
    """The wait, up to a tenth shorter or longer: zones that were loaded together drift apart.

    It is the zone that decides by how much, not chance, so that a test can tell.
    """
    return wait * (1 + JITTER * (2 * portion(zone) - 1))


def portion(zone: Zone) -> float:
    """A number from 0 to 1 that is the zone's own, and evenly spread over zones."""
    digest = hashlib.sha256(f"{zone.name} {zone.view}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def full_is_due(zone: Zone, at: datetime, local: tzinfo) -> bool:
    """Whether the zone was not read in full since its moment of last night."""
    return zone.full_at is None or zone.full_at < last_night(zone, at, local)


def last_night(zone: Zone, at: datetime, local: tzinfo) -> datetime:
    """The zone's latest nightly moment up to `at`."""
    today = night(zone, at, local, days=0)
    return today if today <= at else night(zone, at, local, days=-1)


def next_night(zone: Zone, at: datetime, local: tzinfo) -> datetime:
    """The zone's first nightly moment after `at`."""
    today = night(zone, at, local, days=0)
    return today if today > at else night(zone, at, local, days=1)


def night(zone: Zone, at: datetime, local: tzinfo, *, days: int) -> datetime:
    """The zone's moment in the night of the local day of `at`, so many days from it."""
    day = at.astimezone(local).date() + timedelta(days=days)
    # The offset is added to the instant: local time may jump within the hour.
    begins = datetime.combine(day, NIGHT, tzinfo=local).astimezone(at.tzinfo)
    return begins + NIGHT_LASTS * portion(zone)
