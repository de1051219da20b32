"""Pages of the confirmation link: it is on its way, it was opened, it cannot be used."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal_auth.guard import portal_identity_required
from portal_auth.identity import PortalIdentity
from whitelist.models import ConfirmationLink
from whitelist.pages.answers import SeeOther, state_page, to_the_page
from whitelist.pages.forms import RequestForm
from whitelist.pages.links import (
    LinkElsewhereError,
    LinkGoneError,
    LinkOfAnotherError,
    TooManyLinksError,
    check_link,
    do_open_by_link,
    do_send_link,
    waiting_link,
)
from whitelist.pages.main import not_opened, show, situation_of
from whitelist.pages.refusals import WARNING, refusal_page
from whitelist.pages.state import PageState, page_state
from whitelist.rules import RefusedError, Situation

GONE, FORBIDDEN, TOO_MANY_REQUESTS = 410, 403, 429


@require_http_methods(["GET", "HEAD", "POST"])
@portal_identity_required
def letter(request: HttpRequest, identity: PortalIdentity) -> HttpResponse:
    """POST asks for the letter, GET says that it is on its way."""
    situation = situation_of(request, identity)
    if request.method == "POST":
        return take_wish(request, situation)
    link = waiting_link(identity, situation.address, situation.at)
    state = page_state(situation)
    if link is None or not state.takes_requests:
        return to_the_page()
    return state_page(
        request,
        "whitelist/confirm_link_sent.html",
        state,
        link=link,
        language_next=request.get_full_path(),
    )


def take_wish(request: HttpRequest, situation: Situation) -> HttpResponse:
    """The form is the page's own; of its fields only the address that it showed matters here."""
    state = page_state(situation)
    form = RequestForm(request.POST)
    form.is_valid()
    if form.was_shown_another(situation.address):
        return show(request, state, moved=True, moved_from=form.shown_address)
    if state.refusal is not None:
        return refusal_page(request, state)
    if state.is_running or not situation.applicant.email:
        return to_the_page()
    try:
        do_send_link(
            applicant=situation.applicant,
            address=situation.address,
            at=situation.at,
            language=get_language() or "",
            wants_letters=form.wants_letters,
        )
    except TooManyLinksError as error:
        return too_many(request, state, error)
    return SeeOther(reverse("whitelist-confirm"))


def too_many(request: HttpRequest, state: PageState, error: TooManyLinksError) -> HttpResponse:
    return link_page(request, state, "too_many", TOO_MANY_REQUESTS, until=error.until)


@require_http_methods(["GET", "HEAD", "POST"])
@portal_identity_required
def confirm(request: HttpRequest, identity: PortalIdentity, token: str) -> HttpResponse:
    """GET shows what the link would do, and uses nothing up: mail scanners open links, too."""
    situation = situation_of(request, identity)
    try:
        if request.method == "POST":
            return use(request, situation, token)
        check_link(token, applicant=identity, address=situation.address, at=situation.at)
        return question(request, page_state(situation), token)
    except LinkGoneError:
        return gone(request, page_state(situation))
    except LinkOfAnotherError:
        return link_page(request, page_state(situation), "of_another", FORBIDDEN)
    except LinkElsewhereError as error:
        return elsewhere(request, page_state(situation), error.link)


def question(request: HttpRequest, state: PageState, token: str) -> HttpResponse:
    if state.refusal is not None:
        return refusal_page(request, state)
    if state.is_running:
        return to_the_page()
    path = request.get_full_path()
    template = "whitelist/confirm_link.html"
    return state_page(request, template, state, token=token, language_next=path)


def use(request: HttpRequest, situation: Situation, token: str) -> HttpResponse:
    try:
        do_open_by_link(
            token,
            applicant=situation.applicant,
            address=situation.address,
            at=situation.at,
            language=get_language() or "",
        )
    except RefusedError as error:
        return not_opened(request, situation, error)
    return to_the_page()


def gone(request: HttpRequest, state: PageState) -> HttpResponse:
    """Where the link has served already, or nothing could be asked for anyway, the page says so."""
    if not state.takes_requests:
        return to_the_page()
    return link_page(request, state, "gone", GONE)


def elsewhere(request: HttpRequest, state: PageState, link: ConfirmationLink) -> HttpResponse:
    return link_page(request, state, "elsewhere", FORBIDDEN, link=link)


def link_page(
    request: HttpRequest, state: PageState, why: str, status: int, **context: object
) -> HttpResponse:
    """Why a link cannot be used, or is not sent: `data-reason` is `link_` and `why`."""
    if request.method != "POST":
        context["language_next"] = request.get_full_path()
    words = {
        "look": WARNING,
        "why": why,
        "word": _("Please wait") if why == "too_many" else _("Cannot add"),
        "heading": headings()[why],
        "minutes": settings.CONFIRMATION_LINK_MINUTES,
    }
    template = "whitelist/confirm_link_refused.html"
    return state_page(request, template, state, status=status, **words, **context)


def headings() -> dict[str, str]:
    limit = settings.CONFIRMATION_LINKS_PER_HOUR
    return {
        "gone": _("This link does not work any more"),
        "elsewhere": _("This link is for another computer"),
        "of_another": _("This link was sent to somebody else"),
        "too_many": ngettext(
            "You have asked for %(limit)d link within an hour",
            "You have asked for %(limit)d links within an hour",
            limit,
        )
        % {"limit": limit},
    }
