"""Adding and removing relays, their tokens, and whether they count.

Each `do_…` is one transaction with its audit record. A token is told once, to whoever asked for
it; stored is its SHA-256 alone.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.db import transaction

from whitelist import audit
from whitelist.audit import Actor
from whitelist.models.audit import AuditAction
from whitelist.models.relay import LOCAL_RELAY, Relay
from whitelist.relay_map.acknowledge import take_effect
from whitelist.relay_map.feed import token_digest

TOKEN_BYTES = 32


class LocalRelayError(Exception):
    """The local relay is this machine's own table: it has no token, and stays."""


@transaction.atomic
def do_add_relay(
    name: str, is_active: bool = True, *, actor: Actor, at: datetime, reason: str = ""
) -> tuple[Relay, str]:
    """The new relay and its token.

    One that counts holds every entry up from now on, until its agent reports. Raises
    `ValidationError` for a name that is taken, or of another form.
    """
    token = new_token()
    relay = Relay(name=name, is_active=is_active)
    relay.token_digest, relay.token_issued_at = token_digest(token), at
    relay.full_clean()
    relay.save()
    record(
        relay, actor, at, reason, after={"is_active": is_active, "token_issued_at": at.isoformat()}
    )
    return relay, token


@transaction.atomic
def do_rotate_token(relay: Relay, *, actor: Actor, at: datetime, reason: str = "") -> str:
    """A new token; the old one opens nothing any more. Raises `LocalRelayError`."""
    relay = Relay.objects.select_for_update().get(pk=relay.pk)
    check_remote(relay)
    before, token = relay.token_issued_at, new_token()
    relay.token_digest, relay.token_issued_at = token_digest(token), at
    relay.save(update_fields=["token_digest", "token_issued_at"])
    record(
        relay, actor, at, reason,
        before={"token_issued_at": before.isoformat() if before else None},
        after={"token_issued_at": at.isoformat()},
    )  # fmt: skip
    return token


@transaction.atomic
def do_set_active(
    relay: Relay, is_active: bool, *, actor: Actor, at: datetime, reason: str = ""
) -> int:
    """Let it count, or not; how many entries become effective by that. Its token stays good."""
    Relay.objects.lock_all()
    changed = Relay.objects.filter(pk=relay.pk, is_active=not is_active).update(is_active=is_active)
    if not changed:
        return 0
    record(
        relay, actor, at, reason,
        before={"is_active": not is_active}, after={"is_active": is_active},
    )  # fmt: skip
    return take_effect(at)


@transaction.atomic
def do_remove_relay(relay: Relay, *, actor: Actor, at: datetime, reason: str = "") -> int:
    """Forget it, and its token; how many entries become effective. What it counted stays.

    Its tables are emptied by its own agent when the last snapshot is over. Raises
    `LocalRelayError`.
    """
    check_remote(relay)
    Relay.objects.lock_all()
    record(relay, actor, at, reason, before={"is_active": relay.is_active})
    Relay.objects.filter(pk=relay.pk).delete()
    return take_effect(at)


def check_remote(relay: Relay) -> None:
    if relay.name == LOCAL_RELAY:
        raise LocalRelayError(f"{relay.name} is this machine's own table; it has no token")


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def record(
    relay: Relay,
    actor: Actor,
    at: datetime,
    reason: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        AuditAction.SETTINGS_CHANGED,
        actor=actor,
        at=at,
        reason=reason,
        before={"relay": relay.name, **before} if before else None,
        after={"relay": relay.name, **after} if after else None,
    )
