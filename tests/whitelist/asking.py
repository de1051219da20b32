"""Asking the rules, as pages do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from portal_auth.identity import PortalIdentity
from tests.whitelist.factories import ADDRESS, NOON, make_identity, open_entry
from whitelist.addresses import parse_address
from whitelist.audit import SYSTEM
from whitelist.entries import do_end_entry
from whitelist.models.entry import EndReason
from whitelist.models.service_settings import ServiceSettings
from whitelist.rules import Refusal, Situation, first_refusal

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def situation(
    address: str = ADDRESS, *, applicant: PortalIdentity | None = None, at: datetime = NOON
) -> Situation:
    return Situation(
        applicant or make_identity(), parse_address(address), at, ServiceSettings.load()
    )


def refusal(*args: Any, **kwargs: Any) -> Refusal:
    found = first_refusal(situation(*args, **kwargs))
    assert found is not None
    return found


def change(**fields: object) -> None:
    ServiceSettings.objects.update(**fields)


def use(times: int, *, at: datetime, applicant: PortalIdentity | None = None) -> None:
    """Use up requests: each entry is ended half a minute after it was opened."""
    for number in range(times):
        entry = open_entry(at=at + number * MINUTE, applicant=applicant)
        do_end_entry(
            entry, actor=SYSTEM, reason=EndReason.OWNER, at=at + number * MINUTE + MINUTE / 2
        )
