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
    """Tell of each relay that counts when it falls silent, and when it is back; of how many.

    `silence_told_at` is what staff believe. Where they were told of the same a short while ago, it
    stays as it is, and they are told later if it is still true then. One that is taken out of the
    count is nobody's alarm any more.
    """
    silence = ServiceSettings.load().relay_silence
    wanted = AccessMap.objects.get().serial
    told = 0
    for relay in Relay.objects.select_for_update().exclude(token_issued_at=None).order_by("pk"):
        is_silent = relay.is_active and relay.is_silent(at, silence)
        if is_silent is (relay.silence_told_at is not None):
            continue
        if relay.is_active:
            kind = "relay_silent" if is_silent else "relay_heard"
            context = {"relay": relay, "wanted": wanted, "heard": relay.reported_at}
            if not tell_staff(kind, context, at=at, key=f"{kind}:{relay.name}"):
                continue
            told += 1
        relay.silence_told_at = at if is_silent else None
        relay.save(update_fields=["silence_told_at"])
    return told
