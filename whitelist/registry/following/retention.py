"""How long the registry remembers what is not true any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from whitelist.models.host import HostChange
from whitelist.models.registration import LiveAnswer
from whitelist.models.sync_run import SyncRun

RUNS_KEPT = timedelta(days=90)
CHANGES_KEPT = timedelta(days=2 * 365)
ANSWERS_KEPT = timedelta(days=1)


def do_forget_old(at: datetime) -> None:
    """Drop old sync runs (but not of a zone whose transfer is held), changes and live answers."""
    SyncRun.objects.filter(started_at__lt=at - RUNS_KEPT, zone__held__isnull=True).delete()
    HostChange.objects.filter(at__lt=at - CHANGES_KEPT).delete()
    LiveAnswer.objects.filter(asked_at__lt=at - ANSWERS_KEPT).delete()
