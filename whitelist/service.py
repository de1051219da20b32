"""Changing what staff may change while the service runs, with its history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from whitelist import audit
from whitelist.audit import Actor
from whitelist.models.audit import AuditAction
from whitelist.models.service_settings import ServiceSettings


@transaction.atomic
def do_change_settings(
    changes: dict[str, Any], *, actor: Actor, at: datetime, reason: str = ""
) -> ServiceSettings:
    """Apply changes by field name, validated; the audit record holds what differed."""
    settings = ServiceSettings.objects.select_for_update().get()
    before = {name: getattr(settings, name) for name in changes}
    for name, value in changes.items():
        setattr(settings, name, value)
    settings.full_clean()
    settings.save()
    changed = [name for name in changes if before[name] != getattr(settings, name)]
    if changed:
        audit.record(
            AuditAction.SETTINGS_CHANGED,
            actor=actor,
            at=at,
            reason=reason,
            before={name: plain(before[name]) for name in changed},
            after={name: plain(getattr(settings, name)) for name in changed},
        )
    return settings


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
