"""Entries, requests and a campus in good order, for tests of the dashboard."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django_celery_beat.models import PeriodicTask

from tests.whitelist.factories import NOON, UNIT
from whitelist.models import AuditRecord, Relay, WhitelistEntry

HOUR = timedelta(hours=1)


def make_well(at: datetime = NOON) -> None:
    """Relays in step, schedules sent: nothing needs attention."""
    Relay.objects.update(reported_at=at)
    PeriodicTask.objects.update(last_run_at=at)


def opened(
    address: str = "140.114.64.1",
    at: datetime = NOON,
    *,
    seconds: float | None = 8,
    account: str = "s1",
    unit: str = UNIT,
    **fields: Any,
) -> WhitelistEntry:
    """An entry with its audit record, for an hour; effective after so many seconds or not yet."""
    effective = None if seconds is None else at + timedelta(seconds=seconds)
    values = {"expires_at": at + HOUR, "serial": 0, "effective_at": effective, **fields}
    entry = WhitelistEntry.objects.create(
        address=address, hostname="a.tw", unit=unit, opened_at=at, requester_subject=account,
        **values,
    )  # fmt: skip
    tell("entry_opened", address, at, account=account, entry=entry)
    return entry


def over(address: str, at: datetime, **fields: Any) -> WhitelistEntry:
    """One that ended after its hour, and was closed."""
    entry = opened(address, at, ended_at=at + HOUR, end_reason="expired", **fields)
    tell("entry_ended", address, at + HOUR, account="", entry=entry)
    return entry


def refused(
    reason: str = "no_name", at: datetime = NOON, address: str = "140.114.64.9"
) -> AuditRecord:
    return tell("entry_refused", address, at, reason=reason)


def tell(
    action: str, address: str, at: datetime, *, account: str = "s1", **fields: Any
) -> AuditRecord:
    return AuditRecord.objects.create(
        action=action, actor_kind="member", actor=account, address=address, at=at, **fields
    )
