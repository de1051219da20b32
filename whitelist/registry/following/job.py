"""One attempt to bring a zone up to date: what is asked for, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from whitelist.audit import Actor
from whitelist.models.sync_run import HeldTransfer, HoldReason, SyncMethod, SyncOutcome, SyncTrigger
from whitelist.models.zone import Zone
from whitelist.registry.applying.apply import Changes
from whitelist.registry.applying.contents import numbers
from whitelist.registry.name_servers.serials import is_newer
from whitelist.registry.name_servers.wire import Soa
from whitelist.registry.omissions import Omissions
from whitelist.registry.outline import Outline
from whitelist.registry.sources import HostRow, SourceError

Say = Callable[[str], object]
SLOW_SECONDS = 3.0
LOOK_EVERY = 5_000


@dataclass(frozen=True)
class Limits:
    """Seconds for one question, for a silence in a transfer, and for a whole one; its bytes.

    A zone of a million names is some 60 MB, and a slow server sends it in half a minute.
    """

    ask: float = 3.0
    stall: float = 15.0
    transfer: float = 120.0
    most_bytes: int = 2**29


LIMITS = Limits()
LARGEST_TIMER = 2**31 - 1  # what the database's integers hold, and 68 years


@dataclass(frozen=True)
class Places:
    """The file of TSIG keys, the folder of zone files, and where a transfer waits."""

    keys_file: Path | None
    zone_files: Path
    spool: Path


@dataclass(frozen=True)
class Job:
    """What is to be done. `full` reads everything, whatever the serial or the time stamp says."""

    zone: Zone
    trigger: SyncTrigger
    actor: Actor
    at: datetime
    full: bool
    dry_run: bool
    limits: Limits
    say: Say
    places: Places

    @property
    def insists(self) -> bool:
        """Whether somebody wants all of it read, even if that was tried already."""
        return self.full and self.trigger != SyncTrigger.NIGHTLY

    @property
    def held(self) -> HeldTransfer | None:
        """What waits for a decision about this zone."""
        return HeldTransfer.objects.filter(zone=self.zone).defer("hosts").first()

    def watched(self, rows: Iterable[HostRow]) -> Iterator[HostRow]:
        """The same rows; says how far it is where that takes more than a few seconds."""
        said = time.monotonic()
        count = 0
        for count, row in enumerate(rows, start=1):
            if count % LOOK_EVERY == 0 and time.monotonic() - said > SLOW_SECONDS:
                said = time.monotonic()
                self.say(f"{self.zone}: {count:,} hosts read …")
            yield row
        self.say(f"{self.zone}: {count:,} hosts read, comparing …")


@dataclass(frozen=True)
class Finding:
    """What came of it. `soa` is what a server said, `fault` a `Fault` or `SourceFault`."""

    outcome: SyncOutcome
    method: SyncMethod
    server: str = ""
    soa: Soa | None = None
    serial: int | None = None
    changes: Changes = field(default_factory=lambda: Changes(0, 0, 0, 0))
    hold_reason: HoldReason | str = ""
    is_news: bool = True
    """Worth a row of its own: not where all is as the last attempt left it."""
    fault: str = ""
    detail: str = ""
    left_out: dict[str, int] = field(default_factory=dict)


def failure(method: SyncMethod, fault: str, detail: str, server: str = "") -> Finding:
    return Finding(SyncOutcome.FAILED, method, server, fault=fault, detail=detail)


def read(
    job: Job,
    result: Changes | HeldTransfer,
    method: SyncMethod,
    *,
    serial: int | None,
    server: str = "",
    soa: Soa | None = None,
    omissions: Omissions | None = None,
) -> Finding:
    """The finding where content was read: applied, held, or just as it was already."""
    if isinstance(result, HeldTransfer):
        finding = held_finding(result, method, soa)
        return replace(finding, is_news=result.held_at == job.at)
    news = bool(result) or serial != job.zone.serial or job.zone.loaded_at is None
    outcome = SyncOutcome.APPLIED if news else SyncOutcome.UNCHANGED
    left_out = numbers(omissions.counts) if omissions else {}
    return Finding(outcome, method, server, soa, serial, result, is_news=news, left_out=left_out)


def held_finding(held: HeldTransfer, method: SyncMethod, soa: Soa | None = None) -> Finding:
    """What waits for a decision, as what we got, or would get, once more."""
    return Finding(
        SyncOutcome.HELD,
        method,
        held.server,
        soa,
        held.serial,
        Changes(held.added, 0, held.removed, 0),
        HoldReason(held.reason),
        is_news=False,
        left_out=held.content.get("left_out", {}),
    )


def went_back(zone: Zone, serial: int | None) -> bool:
    """Whether this serial lies behind the one that we hold (RFC 1982)."""
    if serial is None or zone.serial is None or serial == zone.serial:
        return False
    return not is_newer(serial, zone.serial)


def check_kind(zone: Zone, outline: Outline) -> None:
    """Raises `SourceError` where the zone's row says another kind than its name."""
    if outline.kind != zone.kind:
        raise SourceError(f"{zone} is set up as {zone.kind}, and its name says {outline.kind}")


def timers(soa: Soa) -> tuple[int, int, int]:
    """Refresh, retry and expire in seconds, as far as a column takes them."""
    refresh, retry, expire = (
        min(seconds, LARGEST_TIMER) for seconds in (soa.refresh, soa.retry, soa.expire)
    )
    return refresh, retry, expire
