"""What waits for somebody: zones, held transfers, decisions, letters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

from django.db.models import Count, Min, Q, Sum
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from whitelist.admin_display import admin_url, ago
from whitelist.dashboard.campus import Campus
from whitelist.dashboard.line import LOOK, NOTE, STANDS_STILL, URGENT, Line
from whitelist.models import AuditRecord, HeldTransfer, Notice, RegistrationOverride, Zone
from whitelist.models.audit import AuditAction
from whitelist.models.zone import ZoneState
from whitelist.rules import Reason

RECENT = timedelta(days=1)
REVIEWED_WITHIN = timedelta(days=7)


def the_zones(campus: Campus) -> Iterator[Line]:
    for state, tone in (
        (ZoneState.EXPIRED, URGENT),
        (ZoneState.FAILING, LOOK),
        (ZoneState.STALE, LOOK),
        (ZoneState.NEVER, NOTE),
    ):
        found = campus.zones.get(state)
        if not found:
            continue
        count = found["zones"]
        what = (
            _("Zone %(zone)s") % {"zone": found["name"]}
            if count == 1
            else ngettext("%(count)s zone", "%(count)s zones", count) % {"count": f"{count:,}"}
        )
        url = (
            admin_url(Zone, "change", found["first"])
            if count == 1
            else f"{admin_url(Zone, 'changelist')}?state={state}"
        )
        yield Line(tone, _("%(zones)s: %(state)s") % {"zones": what, "state": state.label}, url)


def held_transfers(campus: Campus) -> Iterator[Line]:
    held = HeldTransfer.objects.aggregate(
        number=Count("pk"),
        first=Min("pk"),
        zone=Min("zone__name"),
        since=Min("held_at"),
        entries=Sum("entries_hit"),
    )
    if not held["number"]:
        return
    what = ngettext(
        "A transfer of %(zone)s waits for a decision",
        "%(count)d transfers wait for a decision",
        held["number"],
    ) % {"zone": held["zone"], "count": held["number"]}
    one = held["number"] == 1
    url = admin_url(HeldTransfer, "change", held["first"])
    since = {"ago": ago(held["since"], campus.at), "entries": held["entries"]}
    note = _("held %(ago)s; a release would end %(entries)d entries") % since
    if not held["entries"]:
        note = _("held %(ago)s") % since
    yield Line(LOOK, what, url if one else admin_url(HeldTransfer, "changelist"), note)


def undelivered_letters(campus: Campus) -> Iterator[Line]:
    """Given up since yesterday; and waiting after a failure, or long overdue."""
    recent = Notice.objects.filter(written_at__gte=campus.at - 2 * RECENT)
    waiting = Q(sent_at__isnull=True, given_up_at__isnull=True)
    counts = recent.aggregate(
        lost=Count("pk", filter=Q(given_up_at__gte=campus.at - RECENT)),
        failing=Count("pk", filter=waiting & ~Q(last_error="")),
        overdue=Count(
            "pk", filter=waiting & Q(last_error="", next_try_at__lte=campus.at - STANDS_STILL)
        ),
    )
    url = admin_url(Notice, "changelist")
    open_url = f"{url}?sent_at__isnull=True&given_up_at__isnull=True"
    if counts["lost"]:
        what = ngettext(
            "%(count)d letter was given up", "%(count)d letters were given up", counts["lost"]
        )
        lost_url = f"{url}?given_up_at__isnull=False"
        yield Line(LOOK, what % {"count": counts["lost"]}, lost_url, _("in the last 24 hours"))
    if counts["failing"]:
        what = ngettext(
            "%(count)d letter could not be delivered yet",
            "%(count)d letters could not be delivered yet",
            counts["failing"],
        )
        note = _("will be tried again; does the mail server answer?")
        yield Line(LOOK, what % {"count": counts["failing"]}, open_url, note)
    if counts["overdue"]:
        what = ngettext(
            "%(count)d letter waits to be sent",
            "%(count)d letters wait to be sent",
            counts["overdue"],
        )
        yield Line(LOOK, what % {"count": counts["overdue"]}, open_url, _("does the worker run?"))


def pending_reviews(campus: Campus) -> Iterator[Line]:
    """Addresses that were refused until staff decide, and about which nobody has decided yet."""
    decided = RegistrationOverride.objects.in_force(campus.at).values("address")
    refused = AuditRecord.objects.filter(
        at__gte=campus.at - REVIEWED_WITHIN, action=AuditAction.REFUSED, reason=Reason.REVIEW
    ).exclude(address__in=decided)
    found = refused.aggregate(number=Count("address", distinct=True), first=Min("address"))
    if not found["number"]:
        return
    what = ngettext(
        "%(address)s waits for a decision",
        "%(count)d addresses wait for a decision",
        found["number"],
    ) % {"address": found["first"], "count": found["number"]}
    url = (
        address_url(found["first"])
        if found["number"] == 1
        else f"{admin_url(AuditRecord, 'changelist')}?action__exact=entry_refused&q=review"
    )
    yield Line(LOOK, what, url, _("members were refused in the last 7 days"))


def address_url(address: str) -> str:
    return f"{reverse('admin:whitelist_address')}?q={quote(address)}"
