"""What is out of the common, and may be abuse: said as what it is, judged by who looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from whitelist.admin_display import admin_url
from whitelist.dashboard.campus import Campus
from whitelist.dashboard.line import LOOK, Line
from whitelist.models import AuditRecord, SentCount, WhitelistEntry
from whitelist.models.audit import AuditAction

RECENT = timedelta(days=1)
# Within a day: more than the few computers of one's own; more than who share an office's.
MANY_ADDRESSES, MANY_PERSONS, MOST_LINES = 4, 3, 3
# Recipients under one entry, and how many times what is usual.
MUCH, TIMES, USUAL_DAYS = 1000, 10, 30


def one_person_many_addresses(campus: Campus) -> Iterator[Line]:
    rows = opened_lately(campus).values("actor").annotate(number=Count("address", distinct=True))
    for actor, number in unusual(rows, MANY_ADDRESSES, "actor"):
        what = _("%(account)s asked for %(count)d addresses") % {"account": actor, "count": number}
        yield Line(LOOK, what, entries_url(actor), _("in the last 24 hours"))


def one_address_many_persons(campus: Campus) -> Iterator[Line]:
    rows = opened_lately(campus).values("address").annotate(number=Count("actor", distinct=True))
    for address, number in unusual(rows, MANY_PERSONS, "address"):
        words = {"address": address, "count": number}
        what = _("%(address)s was asked for by %(count)d persons") % words
        yield Line(LOOK, what, entries_url(address), _("in the last 24 hours"))


def opened_lately(campus: Campus) -> QuerySet[AuditRecord]:
    """Not those that were opened on somebody's behalf: the actor is who asked."""
    rows = AuditRecord.objects.filter(
        at__gte=campus.at - RECENT, action=AuditAction.OPENED, actor_kind="member"
    )
    return rows.order_by()


def unusual(rows: Any, many: int, name: str) -> list[tuple[str, int]]:
    """The first few of the grouped rows whose `number` is that large."""
    found = rows.filter(number__gte=many).order_by("-number", name)[:MOST_LINES]
    return list(found.values_list(name, "number"))


def much_is_sent(campus: Campus) -> Iterator[Line]:
    """The active entry under which most was sent, where that is far above what is usual."""
    active = WhitelistEntry.objects.active(campus.at).values("pk")
    most = recipients(SentCount.objects.filter(entry__in=active)).order_by("-number").first()
    if most is None or most["number"] < MUCH:
        return
    usual = median(campus)
    if most["number"] < TIMES * usual:
        return
    entry = WhitelistEntry.objects.get(pk=most["entry"])
    words = {"address": entry.address, "count": f"{most['number']:,}"}
    what = _("%(address)s has sent to %(count)s recipients while whitelisted") % words
    note = _("median of the last 30 days: %(count)s") % {"count": f"{usual:,}"}
    yield Line(LOOK, what, admin_url(WhitelistEntry, "change", entry.pk), note)


def recipients(counts: QuerySet[SentCount]) -> Any:
    """By entry."""
    return counts.order_by().values("entry").annotate(number=Sum("recipients"))


def median(campus: Campus) -> int:
    """Of the recipients under each entry of the last days, as far as relays told of it."""
    opened = AuditRecord.objects.filter(
        at__gte=campus.at - timedelta(days=USUAL_DAYS), action=AuditAction.OPENED
    )
    first = opened.order_by("at", "entry").values("entry")[:1]
    # Keys of entries rise with time.
    sums = recipients(SentCount.objects.filter(entry__gte=first))
    place = sums.count() // 2
    middle = sums.order_by("number").values_list("number", flat=True)[place : place + 1]
    return int(next(iter(middle), 0))


def entries_url(term: str) -> str:
    return f"{admin_url(WhitelistEntry, 'changelist')}?{urlencode({'q': term})}"
