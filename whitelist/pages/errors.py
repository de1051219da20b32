"""Pages for when something went wrong."""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from whitelist.pages.status import UNAVAILABLE, utc

logger = logging.getLogger(__name__)

# The database cannot be reached, or went away; a pool that gives no connection in time is one.
OUTAGE = (OperationalError, InterfaceError)
RETRY_AFTER_SECONDS = "30"

# For when not even the page of an error can be rendered.
LAST_WORDS = (
    "<!doctype html><html lang=zh-Hant><meta charset=utf-8><title>500</title>"
    "<p>系統發生錯誤，請稍後再試。</p><p lang=en>Something went wrong. Please try again later.</p>"
)


@never_cache
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    logger.info("bad request: %s", type(exception).__name__)
    return render(request, "errors/400.html", status=400)


@never_cache
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    logger.info("forbidden: %s", type(exception).__name__)
    return render(request, "errors/403.html", status=403)


@never_cache
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token was missing or stale: nothing was done, and trying again helps."""
    logger.info("CSRF check failed: %s", reason)
    return render(request, "errors/csrf.html", {"language_next": "/"}, status=403)


@never_cache
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    logger.debug("not found: %s", exception)
    return render(request, "errors/404.html", status=404)


@never_cache
def server_error(request: HttpRequest) -> HttpResponse:
    """The page of a crash; of an outage, where it was the database that failed.

    Django calls this while it handles the exception, whether a view raised it, a template or
    a middleware. Rendered without the request: its context may need what has just failed.
    """
    if isinstance(sys.exception(), OUTAGE):
        return unavailable(request)
    return HttpResponse(page_without_request("errors/500.html"), status=500)


@never_cache
def unavailable(request: HttpRequest) -> HttpResponse:
    """For a part that is down for a while; like `server_error` it touches no database."""
    headers = {"Retry-After": RETRY_AFTER_SECONDS}
    if request.path == reverse("whitelist-status"):
        state = {"state": UNAVAILABLE, "server_now": utc(timezone.now())}
        return JsonResponse(state, status=503, headers=headers)
    return HttpResponse(page_without_request("errors/503.html"), status=503, headers=headers)


def page_without_request(template: str, **context: Any) -> str:
    try:
        return render_to_string(template, context)
    except (OSError, ValueError):
        # A static file missing in the manifest is a ValueError: an incomplete installation.
        logger.exception("the error's page could not be rendered")
        return LAST_WORDS
