"""The signed ticket that the portal sends along: token, issuers, now → `Ticket`.

Pure: no database, no settings, no clock. PyJWT verifies the signature, with the one
algorithm of the issuer and the key that the ticket's `kid` names; everything else is
checked here, because a general library lets through much that this ticket must not be
(a ten-year `exp`, a list as `aud`, a text as `exp`, an empty `jti`).
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from portal_auth.errors import PortalCheckFailed, Refusal
from portal_auth.identity import PortalIdentity
from portal_auth.issuer import Issuer
from portal_auth.strict_json import StrictJsonError, strict_loads

MAX_BYTES = 4096
TYPE = "portal-handoff+jwt"
SKEW = timedelta(seconds=10)
LONGEST_LIFE = timedelta(seconds=120)
OLDEST_SIGN_IN = timedelta(minutes=30)

SEGMENT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
JTI = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)
# Each of these brings a key along, or changes what the signature covers.
FORBIDDEN_HEADERS = frozenset(
    {"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "zip", "b64", "enc", "epk"}
)
SUBJECT_LENGTH = 64
WORD_LENGTH = 64
NAME_LENGTH = 100
EMAIL_LENGTH = 254
# Joiners belong to names in some scripts; every other format character only disguises one.
JOINERS = frozenset({"\u200c", "\u200d"})
UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True)
class Ticket:
    """An authentic ticket in its time. `expires_at` is its `exp`, aware, UTC."""

    identity: PortalIdentity
    jti: str
    expires_at: datetime


def check_ticket(
    token: str, *, issuers: Mapping[str, Issuer], now: datetime, skew: timedelta = SKEW
) -> Ticket:
    """The ticket in `token`, if one of `issuers` signed it and it is good at `now` (aware).

    Raises `PortalCheckFailed`: first -4 for all that is not authentic and well-formed, then
    -1 for its time, then -3 for the sign-in's age. Use and eligibility are not looked at.
    """
    header, claims = parts(token)
    issuer = check_issuer(header, claims, issuers)
    check_signature(token, header, issuer)
    ticket = ticket_of(claims, issuer)
    check_times(claims, now, skew, issuer.iss)
    return ticket


def forged(detail: str) -> NoReturn:
    raise PortalCheckFailed(Refusal.NOT_FROM_PORTAL, detail)


# The token


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, not verified yet."""
    if not token:
        forged("there is no ticket")
    if len(token) > MAX_BYTES:
        forged(f"the ticket is longer than {MAX_BYTES} bytes")
    segments = token.split(".")
    if len(segments) != 3:
        forged("the ticket has not three parts")
    header, claims, _ = (decoded(segment) for segment in segments)
    return json_object(header, "header"), json_object(claims, "claims")


def decoded(segment: str) -> bytes:
    """Base64url without padding, in its one canonical spelling."""
    if not SEGMENT.fullmatch(segment) or len(segment) % 4 == 1:
        forged("a part is not base64url")
    data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != segment:
        forged("a part is not canonical base64url")
    return data


def json_object(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = strict_loads(data)
    except StrictJsonError as error:
        forged(f"the {what} {error}")
    if not isinstance(value, dict):
        forged(f"the {what} is no JSON object")
    return value


def check_issuer(
    header: dict[str, Any], claims: dict[str, Any], issuers: Mapping[str, Issuer]
) -> Issuer:
    """The issuer that the ticket names, if header and audience fit it."""
    forbidden = FORBIDDEN_HEADERS.intersection(header)
    if forbidden:
        forged(f"the header has {', '.join(sorted(forbidden))}")
    if header.get("typ") != TYPE:
        forged("typ is not ours")
    iss = claims.get("iss")
    issuer = issuers.get(iss) if isinstance(iss, str) else None
    if issuer is None:
        forged("iss is no issuer of ours")
    if header.get("alg") != issuer.alg:
        forged("alg is not the issuer's")
    kid = header.get("kid")
    if not isinstance(kid, str) or kid not in issuer.keys:
        forged("kid is no key of the issuer")
    if claims.get("aud") != issuer.aud:
        forged("aud is not ours")
    return issuer


def check_signature(token: str, header: dict[str, Any], issuer: Issuer) -> None:
    try:
        PyJWS().decode(token, key=issuer.keys[header["kid"]], algorithms=[issuer.alg])
    except (PyJWTError, ValueError, TypeError) as error:
        raise PortalCheckFailed(
            Refusal.NOT_FROM_PORTAL, f"the signature is wrong ({type(error).__name__})"
        ) from error


# The claims


def ticket_of(claims: dict[str, Any], issuer: Issuer) -> Ticket:
    """The claims as a `Ticket`, each with its type and form checked (-4)."""
    iat, exp, auth_time = (whole_seconds(claims, name) for name in ("iat", "exp", "auth_time"))
    if not 0 < exp - iat <= LONGEST_LIFE.total_seconds():
        forged("exp is not within 120 seconds after iat")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not JTI.fullmatch(jti):
        forged("jti is not 22 to 64 characters of A-Z a-z 0-9 - _")
    identity = PortalIdentity(
        issuer=issuer.iss,
        subject=subject(claims),
        role=required_word(claims, "role"),
        status=required_word(claims, "status"),
        signed_in_at=instant(auth_time),
        name=optional_text(claims, "name")[:NAME_LENGTH].rstrip(),
        unit=optional_text(claims, "unit")[:NAME_LENGTH].rstrip(),
        email=email(claims),
    )
    optional_text(claims, "ip")
    return Ticket(identity=identity, jti=jti, expires_at=instant(exp))


def whole_seconds(claims: dict[str, Any], name: str) -> int:
    value = claims.get(name)
    # bool is a kind of int in Python, not in JSON
    if isinstance(value, bool) or not isinstance(value, int):
        forged(f"{name} is no integer")
    return value


def instant(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise PortalCheckFailed(
            Refusal.NOT_FROM_PORTAL, "a time is outside the calendar"
        ) from error


def subject(claims: dict[str, Any]) -> str:
    """The account id, byte for byte: it is a key, so nothing is normalised."""
    value = claims.get("sub")
    if not isinstance(value, str) or not 1 <= len(value) <= SUBJECT_LENGTH or not value.strip():
        forged("sub is not 1 to 64 characters")
    return check_printable(value, "sub")


def required_word(claims: dict[str, Any], name: str) -> str:
    if name not in claims:
        forged(f"{name} is missing")
    value = optional_text(claims, name)
    if len(value) > WORD_LENGTH:
        forged(f"{name} is longer than {WORD_LENGTH} characters")
    return value


def optional_text(claims: dict[str, Any], name: str) -> str:
    """A text in NFC, trimmed; the empty text where the claim is absent."""
    value = claims.get(name, "")
    if not isinstance(value, str):
        forged(f"{name} is no text")
    return unicodedata.normalize("NFC", check_printable(value.strip(), name))


def email(claims: dict[str, Any]) -> str:
    """Only ever shown; one too long to be an address is left out, cut it would be another."""
    value = optional_text(claims, "email")
    return value if len(value) <= EMAIL_LENGTH else ""


def check_printable(value: str, name: str) -> str:
    for character in value:
        if unicodedata.category(character) in UNPRINTABLE and character not in JOINERS:
            forged(f"{name} holds an unprintable character")
    return value


# The times


def check_times(claims: dict[str, Any], now: datetime, skew: timedelta, iss: str) -> None:
    at, allowed = now.timestamp(), skew.total_seconds()
    if at > claims["exp"] + allowed:
        raise PortalCheckFailed(Refusal.EXPIRED, "exp is past", issuer=iss)
    if claims["iat"] > at + allowed:
        raise PortalCheckFailed(Refusal.EXPIRED, "iat is ahead", issuer=iss)
    age = at - claims["auth_time"]
    if not -allowed <= age <= OLDEST_SIGN_IN.total_seconds() + allowed:
        raise PortalCheckFailed(
            Refusal.TOO_OLD_OR_USED, "auth_time is not within the last 30 minutes", issuer=iss
        )
