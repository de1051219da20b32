"""Bringing one zone in step with where it comes from, and noting how that went."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from whitelist.audit import SYSTEM, Actor
from whitelist.models.audit import ActorKind
from whitelist.models.sync_run import SyncOutcome, SyncRun, SyncTrigger
from whitelist.models.zone import Zone, ZoneSource
from whitelist.registry.following.from_file import from_file
from whitelist.registry.following.from_servers import from_servers
from whitelist.registry.following.job import LIMITS, Finding, Job, Limits, Places, Say
from whitelist.registry.following.note import do_note, run_of
from whitelist.registry.following.report import report
from whitelist.registry.following.schedule import LEASE, do_postpone, is_due
from whitelist.registry.following.timetable import full_is_due
from whitelist.registry.following.zone_lock import ZoneBusyError, zone_lock

__all__ = ["LIMITS", "MOST_TURNS", "Limits", "ZoneBusyError", "do_requested_sync", "do_sync_zone"]

log = logging.getLogger(__name__)

MOST_TURNS = 3  # then it is for beat to find the zone due
PROBLEMS = {SyncOutcome.FAILED, SyncOutcome.HELD}
SOURCES: dict[str, Callable[[Job], Finding]] = {
    ZoneSource.SERVERS: from_servers,
    ZoneSource.FILE: from_file,
}


def do_sync_zone(
    zone: Zone,
    *,
    trigger: SyncTrigger,
    actor: Actor = SYSTEM,
    full: bool = False,
    dry_run: bool = False,
    say: Say = lambda _text: None,
    limits: Limits = LIMITS,
    at: datetime | None = None,
) -> SyncRun:
    """Bring a followed zone up to date. Not inside a transaction: it takes its time.

    Whatever is wrong with the zone, its servers or its file ends in the run that is returned
    and in the zone's row, never in an exception; what we hold then stays as it was. A run that
    found nothing new is not saved, unless staff or a command asked, and a dry run never; `zone`
    itself is read again. Raises `ZoneBusyError`.
    """
    with zone_lock(zone.pk, settings.VAR_DIR / "locks"):
        zone.refresh_from_db()
        at = at or timezone.now()
        trigger, full = with_night(zone, trigger, full, at)
        job = Job(zone, trigger, actor, at, full, dry_run, limits, say, places())
        if not dry_run:
            lease(job)
        started = time.monotonic()
        finding = SOURCES[zone.source](job)
        run = run_of(job, finding, timedelta(seconds=time.monotonic() - started))
        if not dry_run:
            do_note(job, finding, run)
    if trigger != SyncTrigger.COMMAND:  # which says it itself, on the same terminal
        level = logging.WARNING if finding.outcome in PROBLEMS else logging.INFO
        log.log(level, "%s", report(run))
    return run


def do_requested_sync(
    pk: int, trigger: SyncTrigger, actor_name: str = "", *, full: bool = False
) -> SyncRun | None:
    """What a worker does for a message: nothing where the zone is not followed any more.

    What is asked for while a sync runs may come too late for that one, so it is run again, by
    whoever runs it: the one that finds the zone busy has nothing to do.
    """
    kind = ActorKind.STAFF if trigger == SyncTrigger.STAFF else ActorKind.SYSTEM
    run = None
    for _ in range(MOST_TURNS):
        zone = Zone.objects.followed().filter(pk=pk).first()
        if zone is None:
            return run
        try:
            run = do_sync_zone(zone, trigger=trigger, actor=Actor(kind, actor_name), full=full)
        except ZoneBusyError:
            log.info("%s: another sync runs", zone)
            if trigger == SyncTrigger.SCHEDULE:
                do_postpone(zone, timezone.now())
            return run
        if not is_due(zone, timezone.now()):
            return run
    return run


def places() -> Places:
    spool = settings.VAR_DIR / "transfers"
    spool.mkdir(parents=True, exist_ok=True)
    return Places(settings.DNS_KEYS_FILE, settings.ZONE_FILES_DIR, spool)


def with_night(
    zone: Zone, trigger: SyncTrigger, full: bool, at: datetime
) -> tuple[SyncTrigger, bool]:
    """The scheduled look becomes the nightly reading of everything where that is due."""
    scheduled = trigger in {SyncTrigger.SCHEDULE, SyncTrigger.NIGHTLY}
    if scheduled and full_is_due(zone, at, timezone.get_default_timezone()):
        return SyncTrigger.NIGHTLY, True
    return trigger, full


def lease(job: Job) -> None:
    """Beat need not look at the zone while we are at it, unless we die."""
    job.zone.next_check_at = job.at + LEASE
    job.zone.save(update_fields=["next_check_at"])
