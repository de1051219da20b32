"""Who came in from the campus portal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class PortalIdentity:
    """A person as the portal vouches for them. Members are not Django users.

    `issuer` and `subject` together are the stable key of the person. `signed_in_at` is when
    they signed in to the portal (aware, UTC).
    """

    issuer: str
    subject: str
    role: str
    status: str
    signed_in_at: datetime
    name: str = ""
    unit: str = ""
    email: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.issuer, self.subject

    @property
    def display_name(self) -> str:
        return self.name or self.subject
