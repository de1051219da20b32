"""The audit of what staff change in the registry by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from django.db.models import Model
from django.http import HttpRequest

from whitelist import audit
from whitelist.models.audit import AuditAction


def snapshot(obj: Model, names: Iterable[str]) -> dict[str, Any]:
    """Those fields as JSON can hold them, and as `differences.readable` shows them."""
    return {name: plain(getattr(obj, name)) for name in names}


def plain(value: object) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


def record_change(
    request: HttpRequest,
    at: datetime,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    """Call it inside the transaction of the change; the stock admin's views open one."""
    if before == after:
        return
    audit.record(
        AuditAction.REGISTRY_CHANGED,
        actor=audit.staff(cast(Any, request.user)),
        at=at,
        address=(after or before or {}).get("address"),
        before=before,
        after=after,
    )
