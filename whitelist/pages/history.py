"""A member's own entries."""

from __future__ import annotations

from datetime import timedelta

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal_auth.guard import portal_identity_required
from portal_auth.identity import PortalIdentity
from whitelist.models import Relay, SentCount, WhitelistEntry
from whitelist.pages.main import situation_of
from whitelist.pages.state import page_state

HISTORY = timedelta(days=180)
PAGE_SIZE = 50


@require_safe
@portal_identity_required
def history(request: HttpRequest, identity: PortalIdentity) -> HttpResponse:
    now = timezone.now()
    entries = WhitelistEntry.objects.of_person(*identity.key).filter(opened_at__gte=now - HISTORY)
    page = Paginator(entries, PAGE_SIZE).get_page(request.GET.get("page"))
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
