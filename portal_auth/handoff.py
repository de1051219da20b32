"""A ticket between arrival and confirmation, kept on the server.

It has a cookie and a session row of its own: the ticket may arrive by a POST of another
site, to which the browser sends no cookies of ours. Stored in the browser's session, it
would put a new, empty one in the place of the session of whoever is signed in.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime
from importlib import import_module

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse

from portal_auth.errors import PortalCheckFailed, Refusal
from portal_auth.tickets import SKEW, Ticket

KEY = "portal_ticket"
# Longer than any ticket: a browser that comes back late is told that its ticket expired.
COOKIE_SECONDS = 3600


def cookie_name() -> str:
    return "__Host-handoff" if settings.SESSION_COOKIE_SECURE else "handoff"


def keep(response: HttpResponse, token: str, ticket: Ticket, at: datetime) -> None:
    """Store the token until the ticket expires; the browser gets a random key to it."""
    left = (ticket.expires_at + SKEW - at).total_seconds()
    store = new_store()
    store[KEY] = token
    store.set_expiry(max(1, math.ceil(left)))
    store.save()
    response.set_cookie(
        cookie_name(),
        str(store.session_key),
        max_age=COOKIE_SECONDS,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def kept(request: HttpRequest) -> str | None:
    """The token that this browser brought, None if it brought none.

    Raises `PortalCheckFailed` (-1) when it was kept and has expired.
    """
    key = request.COOKIES.get(cookie_name())
    if not key:
        return None
    token: str | None = new_store(key).get(KEY)
    if token is None:
        raise PortalCheckFailed(Refusal.EXPIRED, "the kept ticket expired")
    return token


def forget(response: HttpResponse) -> None:
    """Take the browser's key away. The row expires by itself, together with the ticket."""
    response.delete_cookie(cookie_name(), samesite="Lax")


def fingerprint(token: str) -> str:
    """Which ticket a confirm page showed; nothing can be signed in with it."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def new_store(key: str | None = None) -> SessionBase:
    store: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return store
