"""The session of a member: who came in, from which address, since when.

It lives under one key of the browser's Django session, beside whatever a member of staff
who signed in to the back office has there, and is bound to the client address.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.http import HttpRequest

from portal_auth.errors import PortalCheckFailed, Refusal
from portal_auth.identity import PortalIdentity
from portal_auth.tickets import Ticket

KEY = "portal"
# A session is written again only when its last use moved by this much (or a tenth of the
# idle limit, where that is less): a page must not cost a write at each look.
TOUCH_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class MemberSession:
    """What the session keeps. All times aware, UTC."""

    identity: PortalIdentity
    jti: str
    address: str
    signed_in_at: datetime
    seen_at: datetime

    def record(self) -> dict[str, Any]:
        """Plain JSON values, for the session's serializer."""
        identity = asdict(self.identity)
        identity["signed_in_at"] = self.identity.signed_in_at.timestamp()
        return {
            "identity": identity,
            "jti": self.jti,
            "address": self.address,
            "signed_in_at": self.signed_in_at.timestamp(),
            "seen_at": self.seen_at.timestamp(),
        }

    @classmethod
    def from_record(cls, record: Any) -> Self | None:
        """None where the record is absent, or another version of the software wrote it."""
        try:
            values = dict(record["identity"])
            values["signed_in_at"] = datetime.fromtimestamp(values["signed_in_at"], UTC)
            return cls(
                identity=PortalIdentity(**values),
                jti=record["jti"],
                address=record["address"],
                signed_in_at=datetime.fromtimestamp(record["signed_in_at"], UTC),
                seen_at=datetime.fromtimestamp(record["seen_at"], UTC),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def fault(self, address: str, at: datetime) -> str | None:
        """Why the session is over for a request from `address` at that moment."""
        if address != self.address:
            return "the client address changed"
        if at - self.seen_at >= timedelta(seconds=settings.PORTAL_SESSION_IDLE_SECONDS):
            return "the session was idle too long"
        if at - self.signed_in_at >= timedelta(seconds=settings.PORTAL_SESSION_ABSOLUTE_SECONDS):
            return "the session reached its absolute limit"
        return None


def client_address(request: HttpRequest) -> str:
    """Canonical text: the first middleware has put it there."""
    address: str = request.META["REMOTE_ADDR"]
    return address


def current_session(request: HttpRequest, at: datetime) -> MemberSession:
    """The member's session, if it is good for this request.

    Raises `PortalCheckFailed`: -4 without a session, -2 when it timed out or its client
    address changed. A session of another address is refused, not ended: its owner keeps it.
    """
    session = MemberSession.from_record(request.session.get(KEY))
    if session is None:
        raise PortalCheckFailed(Refusal.NOT_FROM_PORTAL, "no ticket and no session")
    fault = session.fault(client_address(request), at)
    if fault is not None:
        raise PortalCheckFailed(Refusal.TIMED_OUT, fault, issuer=session.identity.issuer)
    return session


def current_identity(request: HttpRequest, at: datetime, *, touch: bool = True) -> PortalIdentity:
    """Who is signed in. The use counts against idling unless `touch` is off (for polling).

    Raises `PortalCheckFailed` as `current_session` does.
    """
    session = current_session(request, at)
    if touch and at - session.seen_at > touch_after():
        request.session[KEY] = replace(session, seen_at=at).record()
    return session.identity


def known_identity(request: HttpRequest, at: datetime) -> PortalIdentity | None:
    """Who is signed in, if anybody; for a page's head, counts as no use."""
    try:
        return current_session(request, at).identity
    except PortalCheckFailed:
        return None


def session_ends_at(request: HttpRequest, at: datetime) -> datetime:
    """When the session ends if it is not used any more; raises as `current_session` does."""
    session = current_session(request, at)
    return min(
        session.seen_at + timedelta(seconds=settings.PORTAL_SESSION_IDLE_SECONDS),
        session.signed_in_at + timedelta(seconds=settings.PORTAL_SESSION_ABSOLUTE_SECONDS),
    )


def sign_in(request: HttpRequest, ticket: Ticket, at: datetime) -> None:
    """Put the ticket's person into the session, under a new session key (no fixation)."""
    session = MemberSession(
        identity=ticket.identity,
        jti=ticket.jti,
        address=client_address(request),
        signed_in_at=at,
        seen_at=at,
    )
    request.session.cycle_key()
    request.session[KEY] = session.record()


def sign_out(request: HttpRequest) -> None:
    """End the member's session; a sign-in of staff in the same browser stays.

    The key is cycled, so that a request still under way cannot write the session back.
    """
    request.session.pop(KEY, None)
    if not request.session.keys():
        request.session.flush()
    else:
        request.session.cycle_key()


def touch_after() -> timedelta:
    return min(TOUCH_AFTER, timedelta(seconds=settings.PORTAL_SESSION_IDLE_SECONDS / 10))
