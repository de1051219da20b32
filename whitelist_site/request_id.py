"""One id a request: in its answer, in each log line, in each audit record that it writes.

So that what a member sees, what a log says, and what the audit holds can be brought together.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from whitelist.audit import REQUEST_ID
from whitelist.client_ip import FORWARDED_PROTO
from whitelist_site.logs import LOGGED_ID

HEADER = "X-Request-ID"
META = "HTTP_X_REQUEST_ID"
FORM = re.compile(r"[A-Za-z0-9-]{8,64}")

View = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Takes the id that a trusted proxy gave, or makes one; `request.request_id` from then on.

    Stands right behind the address middleware, which knows whom to trust.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = id_of(request)
        request.META[META] = request_id
        request.request_id = request_id  # type: ignore[attr-defined]
        in_logs, in_audit = LOGGED_ID.set(request_id), REQUEST_ID.set(request_id)
        try:
            response = self.get_response(request)
        finally:
            LOGGED_ID.reset(in_logs)
            REQUEST_ID.reset(in_audit)
        response[HEADER] = request_id
        return response


def id_of(request: HttpRequest) -> str:
    """The trusted proxy's own, where it is well formed; else 32 hexadecimal digits of chance."""
    told = request.META.get(META, "")
    return told if was_passed_on(request) and FORM.fullmatch(told) else secrets.token_hex(16)


def was_passed_on(request: HttpRequest) -> bool:
    """Whether a trusted proxy passed it on: the address middleware leaves this to nobody else."""
    return FORWARDED_PROTO in request.META
