"""A relay says which serial it has installed; entries become effective by that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from whitelist.models.entry import WhitelistEntry
from whitelist.models.relay import Relay


@transaction.atomic
def acknowledge(
    relay_name: str, *, serial: int, at: datetime, last_error: str = "", **told: Any
) -> int:
    """Store the relay's serial; how many entries became effective by it.

    An older report that comes late lowers nothing. `told` are further columns of its row.
    """
    Relay.objects.lock_all()
    reached = Greatest(F("installed_serial"), Value(serial))
    Relay.objects.filter(name=relay_name).update(
        installed_serial=reached, reported_at=at, last_error=last_error, **told
    )
    return take_effect(at)


def take_effect(at: datetime) -> int:
    """An entry is effective when every active relay has a serial at or beyond its own.

    How many became so. The relays must be locked: two reports side by side would each see the
    other relay as it was before, and neither would complete what both have installed.
    """
    installed = Relay.objects.installed_serial()
    if installed is None:
        return 0
    waiting = WhitelistEntry.objects.active(at).filter(
        effective_at__isnull=True, serial__lte=installed
    )
    return waiting.update(effective_at=at)
