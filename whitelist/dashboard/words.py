"""Short names of what the figures are of."""

from __future__ import annotations

from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from whitelist.rules import Reason

REASONS: dict[str, Any] = {
    Reason.PAUSED: _("Service paused"),
    Reason.OFF_CAMPUS: _("Off campus"),
    Reason.SUSPENDED_ADDRESS: _("Address suspended"),
    Reason.SUSPENDED_PERSON: _("Person suspended"),
    Reason.SHARED_ADDRESS: _("Shared address"),
    Reason.NO_NAME: _("No domain name"),
    Reason.NEEDS_FORWARD: _("Forward record missing"),
    Reason.NEEDS_REVERSE: _("Reverse record missing"),
    Reason.GENERATED_NAME: _("Generated name"),
    Reason.MALFORMED: _("Malformed record"),
    Reason.REVIEW: _("Waits for a decision"),
    Reason.ADDRESS_IN_USE: _("Address in use by another person"),
    Reason.QUOTA: _("Quota used up"),
}


def reason_name(code: str) -> str:
    """A code that no rule gives any more (an old record) is shown as it is, legibly."""
    return str(REASONS.get(code) or capfirst(code.replace("_", " ")) or "–")
