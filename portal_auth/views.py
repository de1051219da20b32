"""From the portal's link to a signed-in member, and out again.

`enter` verifies and keeps the ticket; `continue` shows who is coming in, and consumes it by
POST. Link scanners and prefetchers follow GETs: none of them uses a ticket up.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.contrib.sessions.backends.base import UpdateError
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal_auth import handoff
from portal_auth.eligibility import check_eligible
from portal_auth.errors import PortalCheckFailed, PortalUnavailable, Refusal
from portal_auth.guard import answered, current_language
from portal_auth.issuers import configured_issuers
from portal_auth.redemption import check_unused, do_redeem
from portal_auth.sessions import (
    client_address,
    current_identity,
    current_session,
    known_identity,
    sign_in,
    sign_out,
)
from portal_auth.tickets import Ticket, check_ticket

logger = logging.getLogger(__name__)

HOME = "/"
# What no portal sends: no ticket can be found in it.
UNREADABLE = (
    MultiPartParserError,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
    UnreadablePostError,
)


class SeeOther(HttpResponseRedirect):
    """303: whatever the request was, go on with a GET."""

    status_code = 303


# The portal's page posts here from another site, so it can bring no CSRF token of ours.
# Nothing is consumed and nobody signed in: that happens at `continue`, which has one.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@answered
def enter(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    tokens = tickets_in(request)
    if len(tokens) > 1:
        raise PortalCheckFailed(Refusal.NOT_FROM_PORTAL, "several tickets at once")
    if not tokens or not tokens[0]:
        current_identity(request, now)
        return SeeOther(HOME)
    ticket = check_ticket(tokens[0], issuers=configured_issuers(), now=now)
    if is_signed_in_with(request, ticket, now):
        return SeeOther(HOME)
    check_unused(ticket)
    check_eligible(ticket.identity)
    response = SeeOther(reverse("portal_auth:continue"))
    handoff.keep(response, tokens[0], ticket, now)
    return response


def tickets_in(request: HttpRequest) -> list[str]:
    """Raises `PortalCheckFailed` (-4) where the request is too large, or malformed."""
    try:
        return (request.POST if request.method == "POST" else request.GET).getlist("ticket")
    except UNREADABLE as error:
        detail = f"the request cannot be read: {type(error).__name__}"
        raise PortalCheckFailed(Refusal.NOT_FROM_PORTAL, detail) from error


@require_http_methods(["GET", "HEAD", "POST"])
@answered
def confirm(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    token = handoff.kept(request)
    if token is None:
        current_identity(request, now)
        return SeeOther(HOME)
    ticket = check_ticket(token, issuers=configured_issuers(), now=now)
    if is_signed_in_with(request, ticket, now):
        return leave_handoff()
    check_unused(ticket)
    check_eligible(ticket.identity)
    shown = request.POST.get("shown", "")
    if request.method != "POST" or shown not in {"", handoff.fingerprint(token)}:
        # Another ticket came in, in another window, since this page was shown: show that one.
        return confirm_page(request, ticket, token, now)
    do_sign_in(request, ticket, now)
    return leave_handoff()


def confirm_page(request: HttpRequest, ticket: Ticket, token: str, now: datetime) -> HttpResponse:
    present = known_identity(request, now)
    issuer = configured_issuers()[ticket.identity.issuer]
    context = {
        "coming": ticket.identity,
        "present": present,
        "is_change": present is not None and present.key != ticket.identity.key,
        "portal_name": issuer.display_name(current_language()),
        "login_url": issuer.login_url,
        "expires_at": ticket.expires_at,
        "client_address": client_address(request),
        "shown": handoff.fingerprint(token),
    }
    return render(request, "portal_auth/confirm.html", context)


def do_sign_in(request: HttpRequest, ticket: Ticket, now: datetime) -> None:
    """Use the ticket up and write the session, both or neither."""
    session_key = request.session.session_key
    try:
        with transaction.atomic():
            do_redeem(ticket, client_address=client_address(request), at=now)
            sign_in(request, ticket, now)
            request.session.save()
    except BaseException as error:
        # The transaction is gone, and with it the row of the new session key.
        request.session = handoff.new_store(session_key)
        if isinstance(error, UpdateError):
            raise PortalUnavailable("the session could not be written") from error
        raise
    logger.info("%s signed in from %s", ticket.identity.key, client_address(request))


def is_signed_in_with(request: HttpRequest, ticket: Ticket, now: datetime) -> bool:
    """Whether this browser's session came from this very ticket."""
    try:
        session = current_session(request, now)
    except PortalCheckFailed:
        return False
    return (session.identity.issuer, session.jti) == (ticket.identity.issuer, ticket.jti)


def leave_handoff() -> HttpResponse:
    response = SeeOther(HOME)
    handoff.forget(response)
    return response


@require_POST
@answered
def leave(request: HttpRequest) -> HttpResponse:
    sign_out(request)
    response = SeeOther(reverse("portal_auth:signed-out"))
    handoff.forget(response)
    return response


@require_safe
@answered
def signed_out(request: HttpRequest) -> HttpResponse:
    issuer = next(iter(configured_issuers().values()), None)
    context = {
        "login_url": issuer.login_url if issuer else "",
        "portal_name": issuer.display_name(current_language()) if issuer else "",
        "present": known_identity(request, timezone.now()),
    }
    return render(request, "portal_auth/signed_out.html", context)
