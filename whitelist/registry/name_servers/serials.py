"""Serial numbers of zones (RFC 1982): 32 bits, and after the highest comes the lowest. Pure."""

from __future__ import annotations

SERIALS = 2**32
HALF = 2**31


def is_newer(new: int, old: int) -> bool:
    """Whether `new` comes after `old`.

    Where they lie exactly half the circle apart the RFC leaves it open: that is not newer.
    """
    return 0 < (new - old) % SERIALS < HALF
