"""The tickets that the simulated portal signs: the good one, and one for each refusal."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from portal_auth.development_key import development_key
from portal_auth.issuers import SIMULATOR_KID, simulator_issuer
from portal_auth.minting import Member, mint, ticket_claims
from portal_auth.tickets import LONGEST_LIFE, OLDEST_SIGN_IN, SKEW

BEYOND = SKEW + timedelta(seconds=20)


def good_ticket(member: Member, signed_in_at: datetime, now: datetime) -> str:
    return signed(claims(member, signed_in_at, now))


def expired_ticket(member: Member, now: datetime) -> str:
    issued_at = now - LONGEST_LIFE - BEYOND
    return signed(claims(member, issued_at, issued_at))


def early_ticket(member: Member, now: datetime) -> str:
    return signed(claims(member, now, now + BEYOND))


def old_sign_in_ticket(member: Member, now: datetime) -> str:
    return signed(claims(member, now - OLDEST_SIGN_IN - BEYOND, now))


def tampered_ticket(member: Member, now: datetime) -> str:
    """Signed for one person, then given the claims of another."""
    header, _, signature = signed(claims(member, now, now)).split(".")
    other = Member("a0000001", "staff", "一般", "校長")
    _, body, _ = signed(claims(other, now, now)).split(".")
    return f"{header}.{body}.{signature}"


def claims(member: Member, signed_in_at: datetime, issued_at: datetime) -> dict[str, Any]:
    issuer = simulator_issuer()
    return ticket_claims(
        member, iss=issuer.iss, aud=issuer.aud, issued_at=issued_at, signed_in_at=signed_in_at
    )


def signed(ticket: dict[str, Any]) -> str:
    return mint(ticket, development_key(settings.VAR_DIR), kid=SIMULATOR_KID)
