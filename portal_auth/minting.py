"""Tickets as a portal signs them: for the simulator, for developers, for tests. Pure."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from portal_auth.tickets import LONGEST_LIFE, TYPE

PrivateKey = Ed25519PrivateKey | RSAPrivateKey
# 32 characters of base64url
JTI_BYTES = 24


@dataclass(frozen=True)
class Member:
    """What a portal knows of a person; an empty text is left out of the ticket."""

    subject: str
    role: str
    status: str
    name: str = ""
    unit: str = ""
    email: str = ""


def ticket_claims(
    member: Member,
    *,
    iss: str,
    aud: str,
    issued_at: datetime,
    signed_in_at: datetime,
    lifetime: timedelta = LONGEST_LIFE,
) -> dict[str, Any]:
    """All claims of a ticket for `member`, with a fresh `jti`; times aware."""
    iat = int(issued_at.timestamp())
    optional = {"name": member.name, "unit": member.unit, "email": member.email}
    return {
        "iss": iss,
        "aud": aud,
        "sub": member.subject,
        "jti": secrets.token_urlsafe(JTI_BYTES),
        "iat": iat,
        "exp": iat + int(lifetime.total_seconds()),
        "auth_time": int(signed_in_at.timestamp()),
        "role": member.role,
        "status": member.status,
        **{name: value for name, value in optional.items() if value},
    }


def mint(claims: dict[str, Any], key: PrivateKey, *, kid: str) -> str:
    """The claims as a signed ticket. They are signed as they are, also when they are wrong."""
    algorithm = "EdDSA" if isinstance(key, Ed25519PrivateKey) else "RS256"
    return jwt.encode(claims, key, algorithm=algorithm, headers={"typ": TYPE, "kid": kid})
