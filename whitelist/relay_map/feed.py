"""What relays ask over HTTP: the snapshot, and a place for their reports.

No session, no cookie: a relay is known by its token alone.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from relay_agent.snapshot import Limits
from whitelist.models.relay import Relay
from whitelist.relay_map.report import MOST_BYTES, ReportError, do_store_report, parse_report
from whitelist.relay_map.sent import do_judge
from whitelist.relay_map.signing_key import SigningKeyError
from whitelist.relay_map.snapshot import Edition, current_edition, issuer

logger = logging.getLogger(__name__)

PLAIN = "text/plain; charset=utf-8"
SNAPSHOT = "application/vnd.smtp-whitelist.snapshot"
BEARER = re.compile(r"Bearer +([A-Za-z0-9_-]{20,200})", re.IGNORECASE | re.ASCII)

View = Callable[[HttpRequest], HttpResponse]
RelayView = Callable[[HttpRequest, Relay], HttpResponse]


def token_digest(token: str) -> str:
    """What is stored of a token. It is random enough to need neither salt nor a slow hash."""
    return hashlib.sha256(token.encode("ascii")).hexdigest()


def for_relays(view: RelayView) -> View:
    """401 without the token of a relay; 503 while the database, or the signing key, is away.

    The relay comes with what it should have, out of the one query that knows its token.
    """

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        try:
            relay = relay_of(request)
            response = view(request, relay) if relay else unauthorized()
        except (DatabaseError, InterfaceError, SigningKeyError) as error:
            logger.error("no answer to a relay: %s: %s", type(error).__name__, error)
            response = plain("try again later", 503)
        response["Cache-Control"] = "no-store"
        return response

    return guarded


def relay_of(request: HttpRequest) -> Relay | None:
    match = BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    if match is None:
        return None
    return Relay.objects.with_wanted().filter(token_digest=token_digest(match[1])).first()


def unauthorized() -> HttpResponse:
    response = plain("a relay's token is wanted", 401)
    response["WWW-Authenticate"] = "Bearer"
    return response


def plain(line: str, status: int) -> HttpResponse:
    return HttpResponse(f"{line}\n", status=status, content_type=PLAIN)


@csrf_exempt
@require_GET
@for_relays
def snapshot(request: HttpRequest, relay: Relay) -> HttpResponse:
    """The newest snapshot, or 304 where the relay has it: then nothing more was asked."""
    now = timezone.now()
    wanted = cast(Any, relay)
    limits = Limits(per_hour=wanted.per_hour, per_day=wanted.per_day)
    edition = current_edition(wanted.wanted_serial, limits, now)
    response: HttpResponse
    if has_edition(request, edition):
        response = HttpResponseNotModified()
        response["ETag"] = edition.etag
    else:
        response = issued(request, edition)
    response["Relay-Time"] = f"{timezone.now().timestamp():.3f}"
    return response


def has_edition(request: HttpRequest, edition: Edition) -> bool:
    """Whether `If-None-Match` names it, or the one after it.

    Beside us another machine's clock may be ahead: the relay has that one's, which is newer.
    """
    told = {tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")}
    return not told.isdisjoint({edition.etag, edition.next().etag})


def issued(request: HttpRequest, edition: Edition) -> HttpResponse:
    issue = issuer.issue(edition)
    packed = takes_gzip(request.headers.get("Accept-Encoding", ""))
    body = issuer.compressed(issue) if packed else issue.body
    response = HttpResponse(body, content_type=SNAPSHOT)
    if packed:
        response["Content-Encoding"] = "gzip"
    response["ETag"] = issue.edition.etag
    response["Vary"] = "Accept-Encoding"
    return response


def takes_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` names gzip, and does not refuse it."""
    for part in accepted.lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        if name == "gzip":
            return not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", word) for word in parameters)
    return False


@csrf_exempt
@require_POST
@for_relays
def report(request: HttpRequest, relay: Relay) -> HttpResponse:
    """204, or 400 with one line that says what is wrong with the report."""
    try:
        told = parse_report(body_of(request))
    except ReportError as error:
        return plain(str(error), 400)
    now = timezone.now()
    do_judge(do_store_report(relay, told, at=now), at=now)
    return HttpResponse(status=204)


def body_of(request: HttpRequest) -> bytes:
    """Raises `ReportError` for one that is no JSON by its own word, or too long to be read."""
    if request.content_type != "application/json":
        raise ReportError("its Content-Type is not application/json")
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise ReportError(f"it is longer than {MOST_BYTES} bytes")
    return request.body
