"""Decisions of staff about single addresses: made for a limited time, lifted, always audited."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from whitelist import audit
from whitelist.addresses import IPAddress
from whitelist.audit import Actor
from whitelist.models.audit import AuditAction
from whitelist.models.registration import OverrideDecision, RegistrationOverride
from whitelist.registry.names import HostnameError, check_hostname

LONGEST = timedelta(days=366)


def check_override(
    decision: OverrideDecision, *, name: str, reason: str, until: datetime, at: datetime
) -> str:
    """The name in canonical form. Raises `ValidationError` with messages by field."""
    errors: dict[str, str] = {}
    if name or decision == OverrideDecision.ACCEPT:
        try:
            name = check_hostname(name.strip())
        except HostnameError:
            errors["name"] = _("Enter a full domain name such as lab154.ee.nthu.edu.tw.")
    if not reason.strip():
        errors["reason"] = _("Say why.")
    if until <= at:
        errors["until"] = _("The end must lie in the future.")
    elif until > at + LONGEST:
        errors["until"] = _("The end may be a year ahead at most.")
    if errors:
        raise ValidationError(errors)
    return name


def do_override(
    address: IPAddress,
    decision: OverrideDecision,
    *,
    name: str = "",
    reason: str,
    until: datetime,
    user: AbstractBaseUser | None,
    actor: Actor,
    at: datetime,
) -> RegistrationOverride:
    """Decide about an address; what was decided before, if it still stands, is replaced.

    Raises `ValidationError`, also where somebody else decides at the same moment.
    """
    name = check_override(decision, name=name, reason=reason, until=until, at=at)
    try:
        return replace_override(
            RegistrationOverride(
                address=str(address),
                decision=decision,
                name=name,
                reason=reason.strip(),
                until=until,
                created_by_id=user.pk if user else None,
            ),
            actor=actor,
            at=at,
        )
    except IntegrityError as error:
        raise ValidationError(_("Somebody else has just decided. Look again.")) from error


@transaction.atomic
def replace_override(
    override: RegistrationOverride, *, actor: Actor, at: datetime
) -> RegistrationOverride:
    open_one = RegistrationOverride.objects.select_for_update().filter(
        address=override.address, lifted_at__isnull=True
    )
    before = open_one.first()
    if before is not None:
        before.lifted_at = min(at, before.until)
        before.save(update_fields=["lifted_at"])
    override.save(force_insert=True)
    audit.record(
        AuditAction.OVERRIDE_SET,
        actor=actor,
        at=at,
        address=override.address,
        reason=override.reason,
        before=facts(before) if before and before.until > at else None,
        after=facts(override),
    )
    return override


@transaction.atomic
def do_lift(override: RegistrationOverride, *, actor: Actor, at: datetime, reason: str) -> bool:
    """Lift an override; False where it was over already."""
    in_force = RegistrationOverride.objects.in_force(at).filter(pk=override.pk)
    if not in_force.update(lifted_at=at):
        return False
    override.lifted_at = at
    audit.record(
        AuditAction.OVERRIDE_LIFTED,
        actor=actor,
        at=at,
        address=override.address,
        reason=reason,
        before=facts(override),
    )
    return True


def facts(override: RegistrationOverride) -> dict[str, Any]:
    return {
        "decision": override.decision,
        "name": override.name,
        "until": override.until.isoformat(),
    }
