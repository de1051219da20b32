"""Who may use the service: staff in office, students enrolled. Pure."""

from __future__ import annotations

import unicodedata

from portal_auth.errors import PortalCheckFailed, Refusal
from portal_auth.identity import PortalIdentity

ELIGIBLE = {
    "staff": frozenset({"一般"}),
    "student": frozenset({"校", "復"}),
}


def check_eligible(identity: PortalIdentity) -> None:
    """Raises `PortalCheckFailed` (-5) unless role and status are among `ELIGIBLE`, exactly."""
    if clean(identity.status) in ELIGIBLE.get(clean(identity.role), frozenset()):
        return
    raise PortalCheckFailed(
        Refusal.NOT_ELIGIBLE,
        f"role {identity.role!r} with status {identity.status!r}",
        issuer=identity.issuer,
        identity=identity,
    )


def clean(word: str) -> str:
    return unicodedata.normalize("NFC", word).strip()
