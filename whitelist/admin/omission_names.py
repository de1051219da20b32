"""Why a record was left out, in words."""

from __future__ import annotations

from whitelist.registry.classify import LeftOut


def omission_name(reason: str) -> str:
    """For a stored reason, also one that is not known any more."""
    try:
        return LeftOut(reason).label
    except ValueError:
        return reason
