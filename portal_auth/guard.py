"""Pages for people who came in: the decorator, and the two answers when that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from portal_auth.errors import PortalCheckFailed, PortalUnavailable, Refusal
from portal_auth.identity import PortalIdentity
from portal_auth.issuer import Issuer
from portal_auth.issuers import configured_issuers
from portal_auth.sessions import client_address, current_identity

logger = logging.getLogger(__name__)

P = ParamSpec("P")
RETRY_AFTER_SECONDS = 10

# What a help desk searches for; never translated, both stand on the page.
CODE_TEXTS = {"zh-hant": "入口檢查錯誤 ({code:d})", "en": "portal check failed ({code:d})"}
OTHER_LANGUAGE = {"zh-hant": "en", "en": "zh-hant"}


def answered(view: Callable[Concatenate[HttpRequest, P], HttpResponse]) -> Callable[
    Concatenate[HttpRequest, P], HttpResponse
]:  # fmt: skip
    """Turn a refusal into its page, and what is our own fault into 503, never into a refusal."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            try:
                response = view(request, *args, **kwargs)
            except PortalCheckFailed as failure:
                response = refused(request, failure)
        except (PortalUnavailable, OperationalError, InterfaceError) as error:
            logger.exception("portal sign-in is unavailable")
            response = unavailable(request, error)
        add_never_cache_headers(response)
        return response

    return wrapped


def portal_identity_required(
    view: Callable[Concatenate[HttpRequest, PortalIdentity, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Call `view(request, identity, …)` for a signed-in member; anybody else gets the refusal.

    Failures of the view itself, other than a `PortalCheckFailed`, are the view's.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            try:
                identity = current_identity(request, timezone.now())
            except PortalCheckFailed as failure:
                return refused(request, failure)
        except (OperationalError, InterfaceError) as error:
            logger.exception("the session cannot be read")
            return unavailable(request, error)
        response = view(request, identity, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    return wrapped


def refused(request: HttpRequest, failure: PortalCheckFailed) -> HttpResponse:
    """The refusal page, HTTP 403: what happened, what to do, what we saw, who helps."""
    logger.info("%s, from %s", failure, client_address(request))
    language = current_language()
    other = OTHER_LANGUAGE[language]
    with translation.override(other):
        other_line = sentence(failure.code)
    issuer = issuer_of(failure)
    context = {
        "failure": failure,
        "code": int(failure.code),
        "code_text": CODE_TEXTS[language].format(code=failure.code),
        "code_meaning": meaning(failure),
        "heading": heading(failure.code),
        "other_language": other,
        "other_line": other_line,
        "other_code_text": CODE_TEXTS[other].format(code=failure.code),
        "login_url": issuer.login_url if issuer else "",
        "portal_name": issuer.display_name(language) if issuer else "",
        "at": timezone.now(),
    }
    response = render(request, "portal_auth/refused.html", context, status=403)
    add_never_cache_headers(response)
    return response


def unavailable(request: HttpRequest, _error: Exception) -> HttpResponse:
    """Try again, HTTP 503. Rendered without the request: its context may need the database."""
    page = render_to_string(
        "portal_auth/unavailable.html",
        {"language": current_language(), "path": request.path, "at": timezone.now()},
    )
    response = HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    add_never_cache_headers(response)
    return response


def current_language() -> str:
    return "en" if (translation.get_language() or "").startswith("en") else "zh-hant"


def issuer_of(failure: PortalCheckFailed) -> Issuer | None:
    """Where to sign in again: the ticket's own portal, else the first one, if any is readable."""
    try:
        issuers = configured_issuers()
    except PortalUnavailable:
        return None
    return issuers.get(failure.issuer) or next(iter(issuers.values()), None)


def heading(code: Refusal) -> str:
    match code:
        case Refusal.NOT_FROM_PORTAL:
            return _("Please come in through the campus portal")
        case Refusal.NOT_ELIGIBLE:
            return _("For current staff and students only")
        case _:
            return _("Your sign-in link has expired")


def sentence(code: Refusal) -> str:
    """The page in one sentence, for readers of the other language."""
    match code:
        case Refusal.NOT_FROM_PORTAL:
            return _("Please come in through the campus portal.")
        case Refusal.NOT_ELIGIBLE:
            return _("This service is for current staff and students only.")
        case _:
            return _("Your sign-in link has expired. Please sign in again from the campus portal.")


def meaning(failure: PortalCheckFailed) -> str:
    """The code in a few words."""
    match failure.code:
        case Refusal.EXPIRED:
            return pgettext("portal check", "the link was opened too late")
        case Refusal.TIMED_OUT:
            return pgettext("portal check", "your sign-in here ended, or your IP address changed")
        case Refusal.TOO_OLD_OR_USED:
            return pgettext("portal check", "the link was used, or you signed in too long ago")
        case Refusal.NOT_FROM_PORTAL:
            return pgettext("portal check", "not signed in through the portal")
        case Refusal.NOT_ELIGIBLE:
            return pgettext("portal check", "not current staff or an enrolled student")
