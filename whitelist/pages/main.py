"""The one page: it shows the state of this address, and takes the request for it."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal_auth.guard import portal_identity_required
from portal_auth.identity import PortalIdentity
from whitelist.addresses import IPAddress
from whitelist.client_ip import client_address
from whitelist.entries import do_open_entry
from whitelist.models import ServiceSettings
from whitelist.pages.answers import state_page, to_the_page
from whitelist.pages.captcha import do_discard_captcha, do_use_captcha, new_captcha
from whitelist.pages.forms import RequestForm
from whitelist.pages.refusals import refusal_page
from whitelist.pages.state import PageState, State, page_state, refused_state
from whitelist.rules import Reason, RefusedError, Situation


@require_http_methods(["GET", "HEAD", "POST"])
@portal_identity_required
def whitelist(request: HttpRequest, identity: PortalIdentity) -> HttpResponse:
    situation = situation_of(request, identity)
    if request.method == "POST":
        return take_request(request, situation)
    return show(request, page_state(situation))


def situation_of(request: HttpRequest, identity: PortalIdentity) -> Situation:
    return Situation(identity, client_address(request), timezone.now(), ServiceSettings.load())


def take_request(request: HttpRequest, situation: Situation) -> HttpResponse:
    form = RequestForm(request.POST)
    valid = form.is_valid()
    show_again = partial(show, request, page_state(situation), letters=form.wants_letters)
    if "refresh" in request.POST:
        do_discard_captcha(form.key)
        return show_again()
    if form.was_shown_another(situation.address):
        return show_again(moved=True, moved_from=form.shown_address)
    # The code first, whatever the rules say: it is used up by every attempt.
    if not (valid and do_use_captcha(form.key, form.answer, at=situation.at)):
        return show_again(error=captcha_error(form))
    try:
        do_open_entry(
            applicant=situation.applicant,
            address=situation.address,
            at=situation.at,
            language=get_language() or "",
            wants_letters=form.wants_letters,
        )
    except RefusedError as error:
        return not_opened(request, situation, error)
    return to_the_page()


def not_opened(request: HttpRequest, situation: Situation, error: RefusedError) -> HttpResponse:
    if error.refusal.reason is Reason.ADDRESS_IN_USE and situation.own_entry is not None:
        messages.info(request, _("This computer is already whitelisted. No need to apply again."))
        return to_the_page()
    return refusal_page(request, refused_state(situation, error.refusal))


def captcha_error(form: RequestForm) -> str:
    if not form.answer:
        return _("Please type the 5 digits of the picture. Here is a new one.")
    return _("That code was not correct. Here is a new one – please try again.")


def show(
    request: HttpRequest,
    state: PageState,
    *,
    error: str = "",
    moved: bool = False,
    moved_from: IPAddress | None = None,
    letters: bool = False,
) -> HttpResponse:
    """The page of the state. `moved`: the request was for another address than this one.

    `letters`: what the member had chosen there.
    """
    if state.refusal is not None:
        return refusal_page(request, state)
    if not state.takes_requests:
        return state_page(request, TEMPLATES[state.name], state)
    return state_page(
        request,
        TEMPLATES[state.name],
        state,
        captcha_key=new_captcha(),
        error=error,
        moved=moved,
        moved_from=moved_from,
        letters=letters,
    )


TEMPLATES = {
    State.APPLY: "whitelist/apply.html",
    State.PENDING: "whitelist/pending.html",
    State.ACTIVE: "whitelist/active.html",
    State.ENDING: "whitelist/active.html",
    State.ENDED: "whitelist/ended.html",
}
