"""A member's own entries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from portal_auth.guard import portal_identity_required
from portal_auth.identity import PortalIdentity
from whitelist.models import Relay, SentCount, WhitelistEntry
from whitelist.models.entry import EntryQuerySet
from whitelist.models.sent_count import WhatWasSent
from whitelist.pages.main import situation_of
from whitelist.pages.state import page_state
from whitelist.spreadsheets import BYTE_ORDER_MARK, csv_lines
from whitelist.templatetags.entry_words import entry_words

HISTORY = timedelta(days=180)
PAGE_SIZE = 50


def entries_of(identity: PortalIdentity, now: datetime) -> EntryQuerySet:
    return WhitelistEntry.objects.of_person(*identity.key).filter(opened_at__gte=now - HISTORY)


@require_safe
@portal_identity_required
def history(request: HttpRequest, identity: PortalIdentity) -> HttpResponse:
    now = timezone.now()
    page = Paginator(entries_of(identity, now), PAGE_SIZE).get_page(request.GET.get("page"))
    sums = SentCount.objects.sums([entry.pk for entry in page])
    context = {
        "page": page,
        "rows": [(entry, sums.get(entry.pk)) for entry in page],
        "some_sent": bool(sums),
        "state": page_state(situation_of(request, identity)),
        "days": HISTORY.days,
        "installed_serial": Relay.objects.installed_serial(),
        "server_now": now,
        "nav": "history",
    }
    return render(request, "whitelist/history.html", context)


@require_safe
@portal_identity_required
def download(request: HttpRequest, identity: PortalIdentity) -> HttpResponse:
    """The same as a file, with exact times; its words in the language of the page."""
    now = timezone.now()
    lines = csv_lines(chain([titles()], rows(entries_of(identity, now), now)))
    answer = HttpResponse(BYTE_ORDER_MARK + "".join(lines), content_type="text/csv; charset=utf-8")
    name = f"smtp-whitelist-{timezone.localdate(now):%Y%m%d}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def titles() -> list[str]:
    return [
        _("Reference"),
        _("IP address"),
        _("Domain name"),
        _("Requested"),
        _("Took effect"),
        _("Ended, or ends"),
        pgettext("history", "Status"),
        _("Note"),
        _("Messages"),
        _("Recipients"),
        _("Bounced"),
    ]


def rows(entries: EntryQuerySet, now: datetime) -> Iterator[list[str]]:
    sums = SentCount.objects.sums([entry.pk for entry in entries])
    installed = Relay.objects.installed_serial()
    for entry in entries:
        words = entry_words(entry, now, installed)
        yield [
            entry.reference,
            entry.address,
            entry.hostname,
            moment(entry.opened_at),
            moment(entry.effective_at),
            moment(entry.finished_at),
            words.word,
            words.note,
            *counts(sums.get(entry.pk)),
        ]


def moment(at: datetime | None) -> str:
    """Local time with its offset, in ISO 8601."""
    return timezone.localtime(at).isoformat(timespec="seconds") if at else ""


def counts(sent: WhatWasSent | None) -> tuple[str, str, str]:
    if sent is None:
        return "", "", ""
    return str(sent.messages), str(sent.recipients), str(sent.bounced)
