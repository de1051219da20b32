"""Why somebody does not come in."""

from __future__ import annotations

from enum import IntEnum

from portal_auth.identity import PortalIdentity


class Refusal(IntEnum):
    """The five codes of `portal check failed (-n)`; help desks search for them."""

    EXPIRED = -1
    TIMED_OUT = -2
    TOO_OLD_OR_USED = -3
    NOT_FROM_PORTAL = -4
    NOT_ELIGIBLE = -5


class PortalCheckFailed(Exception):
    """The person is refused.

    `detail` is for the log: one English clause, never the ticket. `issuer` is set once the
    ticket proved authentic; `identity` where the person is known and not eligible.
    """

    def __init__(
        self,
        code: Refusal,
        detail: str,
        *,
        issuer: str = "",
        identity: PortalIdentity | None = None,
    ) -> None:
        super().__init__(f"portal check failed ({code:d}): {detail}")
        self.code = code
        self.detail = detail
        self.issuer = issuer
        self.identity = identity


class PortalUnavailable(Exception):
    """We cannot tell, because of our own side (keys, database): try again, no refusal."""
