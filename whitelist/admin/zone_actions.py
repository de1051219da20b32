"""Asking for a sync: of one zone from its page, of several from the list."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from whitelist.models import Zone
from whitelist.models.sync_run import SyncTrigger
from whitelist.registry.following.schedule import request_sync

# Each may cost half a second where the broker is down.
MOST_AT_ONCE = 50


def ask_for_syncs(request: HttpRequest, zones: Iterable[Zone], *, full: bool = False) -> None:
    """Ask for each zone that is followed, and say what was done."""
    zones = list(zones)
    if len(zones) > MOST_AT_ONCE:
        text = gettext("Select at most %(count)d zones at once.") % {"count": MOST_AT_ONCE}
        messages.error(request, text)
        return
    followed = [zone for zone in zones if zone.is_followed]
    now, name = timezone.now(), request.user.get_username()
    for zone in followed:
        request_sync(zone, SyncTrigger.STAFF, name, at=now, full=full)
    report(request, len(followed), len(zones) - len(followed), full)


def report(request: HttpRequest, asked: int, by_hand: int, full: bool) -> None:
    if asked:
        text = ngettext(
            "Asked for a sync of %(count)d zone. Its page shows the result as it comes.",
            "Asked for a sync of %(count)d zones. Their pages show the results as they come.",
            asked,
        )
        if full:
            text = ngettext(
                "Asked for %(count)d zone to be read in full. Its page shows the result as it"
                " comes.",
                "Asked for %(count)d zones to be read in full. Their pages show the results as"
                " they come.",
                asked,
            )
        messages.success(request, text % {"count": asked})
    if by_hand:
        text = ngettext(
            "%(count)d zone is loaded by hand: there is nobody to ask.",
            "%(count)d zones are loaded by hand: there is nobody to ask.",
            by_hand,
        )
        messages.warning(request, text % {"count": by_hand})
