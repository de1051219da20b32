"""The services' menu, and the pages that anybody may read."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal_auth.guard import portal_identity_required
from portal_auth.identity import PortalIdentity
from whitelist.pages.answers import state_page
from whitelist.pages.main import situation_of
from whitelist.pages.state import page_state


@require_safe
@portal_identity_required
def home(request: HttpRequest, identity: PortalIdentity) -> HttpResponse:
    state = page_state(situation_of(request, identity))
    return state_page(request, "whitelist/home.html", state, language_next=request.get_full_path())


@never_cache
@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    return render(request, "whitelist/help.html", {"nav": "help"})


@never_cache
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    return render(request, "whitelist/privacy.html")


@never_cache
@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "whitelist/accessibility.html")
