"""Answers that several views give."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from whitelist.pages.state import PageState


class SeeOther(HttpResponseRedirect):
    """303: whatever the request was, go on with a GET."""

    status_code = 303


def to_the_page() -> SeeOther:
    return SeeOther(reverse("whitelist"))


def state_page(
    request: HttpRequest,
    template: str,
    state: PageState,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """Render a page of the whitelist, in whichever state it is."""
    situation = state.situation
    defaults = {
        "state": state,
        "entry": state.entry,
        "refusal": state.refusal,
        "situation": situation,
        "address": situation.address,
        "applicant": situation.applicant,
        "service": situation.settings,
        "server_now": situation.at,
        "nav": "status",
        # Only this URL can be asked for by GET, whichever form led here.
        "language_next": reverse("whitelist"),
    }
    return render(request, template, defaults | context, status=status)
