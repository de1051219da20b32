"""Letters that a member has asked for: the entry has taken effect, and it ends soon."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from whitelist.models.entry import WhitelistEntry
from whitelist.models.service_settings import ServiceSettings
from whitelist.notices import tell_owner


def do_tell_owners(at: datetime) -> int:
    """Write what is due; how many letters. Each comes once, however many workers look.

    Of the end they hear when the page begins to offer an extension, and again where they extended.
    """
    settings = ServiceSettings.load()
    window = settings.extension_window
    wanted = WhitelistEntry.objects.active(at).filter(wants_letters=True)
    told = 0
    for entry in wanted.filter(effective_at__isnull=False, effect_told_for=None):
        told += tell(entry, "took_effect", settings, at, effect_told_for=entry.effective_at)
    # Of a term that is no longer than the window, the first letter says it all.
    for entry in wanted.filter(
        expires_at__lte=at + window, expires_at__gt=F("opened_at") + window
    ).exclude(end_told_for=F("expires_at")):
        told += tell(entry, "ends_soon", settings, at, end_told_for=entry.expires_at)
    return told


@transaction.atomic
def tell(
    entry: WhitelistEntry,
    kind: str,
    settings: ServiceSettings,
    at: datetime,
    **mark: datetime | None,
) -> bool:
    """Whether a letter was written. The mark is the lock: who sets it writes."""
    unmarked = WhitelistEntry.objects.filter(pk=entry.pk, expires_at=entry.expires_at)
    if not unmarked.exclude(**mark).update(**mark):
        return False
    context: dict[str, Any] = {"settings": settings}
    # Late, it would only mislead.
    return tell_owner(entry, kind, context, at=at, useful_until=entry.expires_at)
