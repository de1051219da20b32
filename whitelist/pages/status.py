"""The page's state for machines: what the page itself polls."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal_auth.errors import PortalCheckFailed
from portal_auth.sessions import current_identity
from whitelist.pages.main import situation_of
from whitelist.pages.state import PageState, State, page_state

SIGNED_OUT = "signed-out"
UNAVAILABLE = "unavailable"


@never_cache
@require_safe
def status(request: HttpRequest) -> JsonResponse:
    """A poll is no use of the session: a page left open must not keep it alive."""
    try:
        identity = current_identity(request, timezone.now(), touch=False)
    except PortalCheckFailed:
        return JsonResponse({"state": SIGNED_OUT}, status=403)
    return JsonResponse(status_of(page_state(situation_of(request, identity))))


def status_of(state: PageState) -> dict[str, Any]:
    """Times ISO 8601 in UTC. `effective_at` is null until every relay has the entry as it is.

    `sent` is null without an entry, and where no relay counts.
    """
    entry = state.entry
    effective = state.name in {State.ACTIVE, State.ENDING} and entry is not None
    return {
        "state": state.name.value,
        "server_now": utc(state.situation.at),
        "expires_at": utc(entry.finished_at) if entry else None,
        "effective_at": utc(entry.effective_at) if entry and effective else None,
        "relays": {"total": state.relays.total, "installed": state.relays.installed},
        "sent": asdict(state.sent) if state.sent else None,
    }


def utc(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
