"""Changing what staff may change while the service runs, with its history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model

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


@transaction.atomic
def do_save_text(row: Model, *, actor: Actor, at: datetime) -> None:
    """Save a row of what members read, new or changed; the audit holds what differed.

    Raises `ValidationError` where the row breaks a rule of its model.
    """
    row.full_clean()
    stored = type(row)._default_manager.select_for_update().filter(pk=row.pk).first()
    before, now = contents(stored) if stored else {}, contents(row)
    changed = [name for name in now if before.get(name) != now[name]]
    row.save()
    if changed:
        old = {name: before[name] for name in changed} if stored else None
        record_text(row, actor, at, old, {name: now[name] for name in changed})


@transaction.atomic
def do_delete_text(row: Model, *, actor: Actor, at: datetime) -> None:
    """Delete such a row; the audit keeps what it said."""
    record_text(row, actor, at, contents(row), None)
    row.delete()


def contents(row: Model) -> dict[str, Any]:
    """The values of the fields that staff may edit."""
    fields = [field for field in row._meta.fields if field.editable and not field.primary_key]
    return {field.name: getattr(row, field.name) for field in fields}


def record_text(
    row: Model,
    actor: Actor,
    at: datetime,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    def told(values: dict[str, Any] | None) -> dict[str, Any] | None:
        which = {str(row._meta.model_name): f"{row.pk}: {row}"}
        return values and which | {name: plain(value) for name, value in values.items()}

    audit.record(
        AuditAction.SETTINGS_CHANGED, actor=actor, at=at, before=told(before), after=told(after)
    )


def plain(value: Any) -> Any:
    """As JSON holds it; another row by what it is called."""
    if isinstance(value, Model):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value
