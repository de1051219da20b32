"""A relay says which serial it has installed; entries become effective by that."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from whitelist.models.entry import WhitelistEntry
from whitelist.models.relay import Relay


@transaction.atomic
def acknowledge(relay_name: str, *, serial: int, at: datetime) -> int:
    """Store the relay's serial; how many entries became effective by it.

    An entry is effective when every active relay has a serial at or beyond its own.
    """
    Relay.objects.filter(name=relay_name).update(
        installed_serial=serial, reported_at=at, last_error=""
    )
    installed = Relay.objects.installed_serial()
    if installed is None:
        return 0
    waiting = WhitelistEntry.objects.active(at).filter(
        effective_at__isnull=True, serial__lte=installed
    )
    return waiting.update(effective_at=at)
