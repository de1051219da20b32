"""Writing audit records. Call it inside the transaction of what it records."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from portal_auth.identity import PortalIdentity
from whitelist.addresses import IPAddress
from whitelist.models.audit import ActorKind, AuditAction, AuditRecord
from whitelist.models.entry import WhitelistEntry


@dataclass(frozen=True)
class Actor:
    """Who does it: a member by account, staff by user name, or the system itself."""

    kind: ActorKind
    name: str = ""


SYSTEM = Actor(ActorKind.SYSTEM)

# The request in whose course records are written; the site's middleware sets it.
REQUEST_ID: ContextVar[str] = ContextVar("audit_request_id", default="")


def member(identity: PortalIdentity) -> Actor:
    return Actor(ActorKind.MEMBER, identity.subject)


def staff(user: AbstractBaseUser) -> Actor:
    return Actor(ActorKind.STAFF, user.get_username())


def record(
    action: AuditAction,
    *,
    actor: Actor,
    at: datetime,
    entry: WhitelistEntry | None = None,
    address: IPAddress | str | None = None,
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditRecord:
    if entry is not None and address is None:
        address = entry.address
    return AuditRecord.objects.create(
        action=action,
        actor_kind=actor.kind,
        actor=actor.name,
        at=at,
        entry=entry,
        address=None if address is None else str(address),
        reason=reason[:300],
        before=before,
        after=after,
        request_id=REQUEST_ID.get(),
    )
