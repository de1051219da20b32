"""Relays that fell silent, told to staff by e-mail; and that they are heard again."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from whitelist.models.access_map import AccessMap
from whitelist.models.relay import Relay
from whitelist.models.service_settings import ServiceSettings
from whitelist.notices import tell_staff


@transaction.atomic
def do_watch_relays(at: datetime) -> int:
    """Tell of each relay that counts once when it falls silent, and once when it is back.

    Returns of how many it told. One that is taken out of the count is nobody's alarm any more.
    """
    told = 0
    silence = ServiceSettings.load().relay_silence
    wanted = AccessMap.objects.get().serial
    for relay in Relay.objects.exclude(token_issued_at=None).order_by("pk"):
        is_silent = relay.is_active and relay.is_silent(at, silence)
        if is_silent is not (relay.silence_told_at is not None):
            told += tell_change(relay, is_silent, wanted, at)
    return told


def tell_change(relay: Relay, is_silent: bool, wanted: int, at: datetime) -> bool:
    """False where another worker has told it in the same moment."""
    unchanged = Relay.objects.filter(pk=relay.pk, silence_told_at=relay.silence_told_at)
    if not unchanged.update(silence_told_at=at if is_silent else None):
        return False
    if is_silent or relay.is_active:
        kind = "relay_silent" if is_silent else "relay_heard"
        context = {"relay": relay, "wanted": wanted, "heard": relay.reported_at}
        tell_staff(kind, context, at=at, key=f"{kind}:{relay.name}")
    return True
