"""What pages show whoever renders them: who is signed in, the contacts, the menu, the time."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from portal_auth.identity import PortalIdentity
from portal_auth.sessions import known_identity, session_ends_at
from whitelist.models import MenuService, ServiceSettings
from whitelist.pages.help import help_texts


def service(request: HttpRequest) -> dict[str, Any]:
    """Lazy where it costs a query: the back office and machines' pages use none of it."""
    now = timezone.now()

    def member() -> PortalIdentity | None:
        # A request that an early middleware refused has no session.
        return known_identity(request, now) if hasattr(request, "session") else None

    def session_seconds_left() -> int:
        return int((session_ends_at(request, now) - now).total_seconds())

    service = cast(ServiceSettings, SimpleLazyObject(ServiceSettings.load))
    return {
        "server_now": now,
        "session_seconds_left": SimpleLazyObject(session_seconds_left),
        "member": SimpleLazyObject(member),
        "service": service,
        "services_menu": MenuService.objects.menu(),
        "help": SimpleLazyObject(lambda: help_texts(service)),
        "language_next": request.get_full_path() if request.method in {"GET", "HEAD"} else "/",
    }
