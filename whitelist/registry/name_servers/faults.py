"""Everything that can go wrong between us and a name server, in kinds that somebody can mend."""

from __future__ import annotations

from enum import StrEnum

from whitelist.registry.name_servers.server import Server


class Fault(StrEnum):
    """What went wrong; the value is stored, and tells pages which words to use."""

    NO_KEY = "no_key"
    """A key is named that is not in our key file."""
    WRONG_KEY = "wrong_key"
    """The server does not take our signature (BADKEY, BADSIG), or its own is missing or wrong."""
    CLOCK = "clock"
    """BADTIME, or the server signed at another time than ours."""
    REFUSED = "refused"
    NOT_SERVED = "not_served"
    """The server does not speak for the zone, or cannot at present (NOTAUTH, SERVFAIL, no AA)."""
    DOWN = "down"
    """No connection, or one on which not a byte of an answer came."""
    CUT_OFF = "cut_off"
    """The connection ended before the answer did."""
    STALLED = "stalled"
    """The answer began, and then nothing came for too long; or the whole took too long."""
    MALFORMED = "malformed"
    """Not a DNS message, or one that breaks the protocol."""
    TOO_LARGE = "too_large"


class NameServerError(Exception):
    """A name server gave no usable answer. `detail` is short technical English, for logs."""

    def __init__(self, fault: Fault, server: Server, detail: str) -> None:
        super().__init__(f"{server}: {fault}: {detail}")
        self.fault = fault
        self.server = server
        self.detail = detail


class ElsewhereError(NameServerError):
    """The name asked for is an alias of `target`, which the server does not serve."""

    def __init__(self, server: Server, target: str) -> None:
        detail = f"an alias leads to {target}, which is elsewhere"
        super().__init__(Fault.NOT_SERVED, server, detail)
        self.target = target
