"""Which zones are due, and asking for a sync: by row, so that it is not lost, and by message."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from whitelist.models.sync_run import SyncTrigger
from whitelist.models.zone import Zone
from whitelist.sending import send_task, send_tasks

SYNC_TASK = "whitelist.sync_zone"
REVIEW_TASK = "whitelist.review_registrations"
# Whoever takes a zone up has so long until beat takes it for lost: longer than a sync may last.
LEASE = timedelta(minutes=10)
SOON = timedelta(seconds=30)


def request_sync(
    zone: Zone,
    trigger: SyncTrigger,
    actor_name: str = "",
    *,
    full: bool = False,
    at: datetime | None = None,
) -> None:
    """Have a followed zone synced soon, even if the broker is down: then beat finds it due.

    Half a second at most. A sync that runs just now does not count as the one asked for.
    """
    followed = Zone.objects.followed().filter(pk=zone.pk)
    if followed.update(next_check_at=at or timezone.now()):
        send_task(
            SYNC_TASK,
            zone.pk,
            trigger.value,
            actor_name,
            full,
            otherwise="beat will find the zone due",
        )


def do_send_due(at: datetime) -> int:
    """Take up each followed zone that is due, and send its sync; how many were sent.

    Claimed by a conditional update, so that of several beats or workers one sends. What the
    broker did not take is due again at once.
    """
    claimed = [pk for pk in due(at) if claim(pk, at)]
    calls = [(pk, SyncTrigger.SCHEDULE.value, "") for pk in claimed]
    sent = send_tasks(
        SYNC_TASK,
        calls,
        otherwise="the zones stay due",
        expires=LEASE.total_seconds(),
    )
    give_back(claimed[sent:], at)
    return sent


def due(at: datetime) -> list[int]:
    """The longest overdue first; a new zone before all."""
    zones = Zone.objects.due(at).values_list("pk", "next_check_at")
    never = datetime.min.replace(tzinfo=at.tzinfo)
    return [pk for pk, when in sorted(zones, key=lambda row: (row[1] or never, row[0]))]


def claim(pk: int, at: datetime) -> bool:
    """Whether the zone is ours to sync: it was due, and from now on it is not, for `LEASE`."""
    return Zone.objects.due(at).filter(pk=pk).update(next_check_at=at + LEASE) == 1


def give_back(zones: list[int], at: datetime) -> None:
    Zone.objects.filter(pk__in=zones, next_check_at=at + LEASE).update(next_check_at=at)


def is_due(zone: Zone, at: datetime) -> bool:
    """By the row as it is now."""
    return Zone.objects.due(at).filter(pk=zone.pk).exists()


def do_postpone(zone: Zone, at: datetime) -> None:
    """Give the lease of a zone that another sync is at back for soon."""
    Zone.objects.filter(pk=zone.pk).update(next_check_at=at + SOON)
