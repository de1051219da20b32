"""Extending and removing one's own running entry, on the computer that it is for."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal_auth.guard import portal_identity_required
from portal_auth.identity import PortalIdentity
from whitelist import audit
from whitelist.entries import EntryEndedError, do_end_entry, do_extend_entry
from whitelist.models.entry import EndReason
from whitelist.pages.answers import SeeOther, state_page, to_the_page
from whitelist.pages.main import situation_of
from whitelist.pages.refusals import refusal_page
from whitelist.pages.state import page_state, refused_state
from whitelist.rules import RefusedError


@require_POST
@portal_identity_required
def extend(request: HttpRequest, identity: PortalIdentity) -> HttpResponse:
    situation = situation_of(request, identity)
    entry = situation.own_entry
    if entry is None:
        return nothing_to_change(request)
    try:
        do_extend_entry(entry, applicant=identity, at=situation.at)
    except EntryEndedError:
        return nothing_to_change(request)
    except RefusedError as error:
        return refusal_page(request, refused_state(situation, error.refusal))
    return to_the_page()


@require_http_methods(["GET", "HEAD", "POST"])
@portal_identity_required
def remove(request: HttpRequest, identity: PortalIdentity) -> HttpResponse:
    """GET asks whether it is meant, POST does it."""
    situation = situation_of(request, identity)
    entry = situation.own_entry
    if entry is None:
        return nothing_to_change(request)
    if request.method != "POST":
        state = page_state(situation)
        return state_page(
            request, "whitelist/remove.html", state, language_next=request.get_full_path()
        )
    actor = audit.member(identity)
    try:
        do_end_entry(entry, actor=actor, reason=EndReason.OWNER, at=situation.at)
    except EntryEndedError:
        return nothing_to_change(request)
    return to_the_page()


def nothing_to_change(request: HttpRequest) -> SeeOther:
    messages.info(request, _("You have no active entry for this IP."))
    return to_the_page()
