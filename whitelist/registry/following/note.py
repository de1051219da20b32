"""Writing down how an attempt went: in the zone's row, and as a run where it is worth one."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from whitelist.models.sync_run import SyncOutcome, SyncRun, SyncTrigger
from whitelist.models.zone import Zone
from whitelist.registry.applying.held import do_supersede
from whitelist.registry.following.job import Finding, Job, timers
from whitelist.registry.following.schedule import REVIEW_TASK
from whitelist.registry.following.timetable import next_check
from whitelist.sending import send_task

MOST_DETAIL = 500
IN_STEP = {SyncOutcome.UNCHANGED, SyncOutcome.APPLIED}
ASKED_BY_PEOPLE = {SyncTrigger.STAFF, SyncTrigger.COMMAND}
NOTED = [
    "checked_at", "next_check_at", "failing_since", "fault", "fault_detail",
    "refresh", "retry", "expire",
]  # fmt: skip


def run_of(job: Job, finding: Finding, lasted: timedelta) -> SyncRun:
    """The attempt as a row that is not saved yet; `job.zone` is as it was before."""
    changes = finding.changes
    return SyncRun(
        zone=job.zone,
        started_at=job.at,
        finished_at=job.at + lasted,
        trigger=job.trigger,
        actor=job.actor.name,
        method=finding.method,
        server=finding.server,
        outcome=finding.outcome,
        hold_reason=finding.hold_reason,
        fault=finding.fault,
        fault_detail=finding.detail[:MOST_DETAIL],
        serial_before=job.zone.serial,
        serial_after=finding.serial,
        added=changes.added,
        removed=changes.removed,
        unchanged=changes.unchanged + changes.updated,
        left_out=finding.left_out,
    )


@transaction.atomic
def do_note(job: Job, finding: Finding, run: SyncRun) -> None:
    """Bring the zone's row up to date, and save the run; then `job.zone` is as it is stored."""
    zone = Zone.objects.select_for_update().get(pk=job.zone.pk)
    if finding.outcome == SyncOutcome.UNCHANGED:
        do_supersede(zone, actor=job.actor, at=job.at)
    if finding.outcome in IN_STEP:
        zone.checked_at = job.at
        run.left_out = zone.left_out
        if finding.soa is not None:
            zone.refresh, zone.retry, zone.expire = timers(finding.soa)
    failed = finding.outcome == SyncOutcome.FAILED
    zone.failing_since = (zone.failing_since or job.at) if failed else None
    zone.fault, zone.fault_detail = run.fault, run.fault_detail
    if zone.next_check_at == job.zone.next_check_at:
        local = timezone.get_default_timezone()
        zone.next_check_at = next_check(zone, job.at, local, failed=failed)
    else:
        zone.next_check_at = job.at  # somebody has asked for another one meanwhile
    zone.save(update_fields=NOTED)
    if finding.is_news or job.trigger in ASKED_BY_PEOPLE:
        run.save()
    if finding.outcome == SyncOutcome.APPLIED:
        transaction.on_commit(partial(send_task, REVIEW_TASK, otherwise="beat will send it"))
    job.zone.refresh_from_db()
