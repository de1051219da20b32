"""The only writer of whitelist entries.

Each `do_…` is one transaction: the entry, its audit record, and the map serial that carries
the change to the relays. It holds the map's lock, so it decides on what is true until it
commits; nothing slow (DNS, files, HTTP) runs inside.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from portal_auth.identity import PortalIdentity
from whitelist import audit, outbox
from whitelist.addresses import IPAddress, parse_address
from whitelist.audit import SYSTEM, Actor
from whitelist.models.audit import AuditAction
from whitelist.models.entry import EndReason, EntryQuerySet, WhitelistEntry
from whitelist.models.service_settings import ServiceSettings
from whitelist.registry.lookup import Registration
from whitelist.rules import EXTENDING, OPENING, RefusedError, Situation, check_allowed


class EntryEndedError(Exception):
    """The entry is not active any more: there is nothing to extend or end."""


def do_open_entry(*, applicant: PortalIdentity, address: IPAddress, at: datetime) -> WhitelistEntry:
    """Open an entry for one term from `at`.

    Raises `RefusedError` where a rule says no; the refusal is audited.
    """
    try:
        return open_entry(applicant, address, at)
    except RefusedError as error:
        record_refusal(applicant, address, at, error)
        raise


@transaction.atomic
def open_entry(applicant: PortalIdentity, address: IPAddress, at: datetime) -> WhitelistEntry:
    access_map = outbox.lock_map()
    situation = Situation(applicant, address, at, ServiceSettings.load())
    check_allowed(situation, OPENING)
    # A lapsed entry that nobody has closed yet would hold the address's one open place.
    close_due(WhitelistEntry.objects.due(at).filter(address=str(address)))
    registration = situation.registration
    if not isinstance(registration, Registration):
        raise registration  # cannot happen: check_allowed has refused it
    network = situation.network
    entry = WhitelistEntry.objects.create(
        address=str(address),
        hostname=registration.name,
        unit=registration.unit or (network.unit if network else ""),
        requester_issuer=applicant.issuer,
        requester_subject=applicant.subject,
        requester_name=applicant.name,
        requester_role=applicant.role,
        requester_status=applicant.status,
        opened_at=at,
        expires_at=at + situation.settings.term,
        serial=outbox.advance(access_map),
    )
    actor = audit.member(applicant)
    audit.record(AuditAction.OPENED, actor=actor, at=at, entry=entry, after=facts(entry))
    return entry


def do_extend_entry(
    entry: WhitelistEntry, *, applicant: PortalIdentity, at: datetime
) -> WhitelistEntry:
    """Let the entry run for one full term from `at`; never beyond, however often it is asked.

    Raises `RefusedError`, or `EntryEndedError` when it ended meanwhile.
    """
    try:
        return extend_entry(entry.pk, applicant, at)
    except RefusedError as error:
        record_refusal(applicant, parse_address(entry.address), at, error)
        raise


@transaction.atomic
def extend_entry(pk: int, applicant: PortalIdentity, at: datetime) -> WhitelistEntry:
    access_map = outbox.lock_map()
    entry = active_entry(pk, at)
    settings = ServiceSettings.load()
    check_allowed(Situation(applicant, parse_address(entry.address), at, settings), EXTENDING)
    before = facts(entry)
    entry.expires_at = max(entry.expires_at, at + settings.term)
    entry.extensions += 1
    entry.serial = outbox.advance(access_map)
    entry.save(update_fields=["expires_at", "extensions", "serial"])
    actor = audit.member(applicant)
    audit.record(
        AuditAction.EXTENDED, actor=actor, at=at, entry=entry, before=before, after=facts(entry)
    )
    return entry


@transaction.atomic
def do_end_entry(
    entry: WhitelistEntry, *, actor: Actor, reason: EndReason, at: datetime, note: str = ""
) -> WhitelistEntry:
    """End an active entry now. Raises `EntryEndedError` when it has ended already."""
    access_map = outbox.lock_map()
    entry = active_entry(entry.pk, at)
    before = facts(entry)
    entry.ended_at, entry.end_reason, entry.end_note = at, reason, note[:200]
    entry.serial = outbox.advance(access_map)
    entry.save(update_fields=["ended_at", "end_reason", "end_note", "serial"])
    audit.record(
        AuditAction.ENDED,
        actor=actor,
        at=at,
        entry=entry,
        reason=note or reason.value,
        before=before,
        after=facts(entry),
    )
    return entry


@transaction.atomic
def do_end_due_entries(at: datetime) -> int:
    """Close what has lapsed; how many were closed.

    Tidiness only: what is exempt is decided by `expires_at`, never by this.
    """
    due = WhitelistEntry.objects.due(at)
    if not due.exists():
        return 0
    access_map = outbox.lock_map()
    count = close_due(due)
    if count:
        outbox.advance(access_map)
    return count


def close_due(due: EntryQuerySet) -> int:
    """Close lapsed entries at their own expiry; the map's lock must be held."""
    entries = list(due)
    for entry in entries:
        before = facts(entry)
        entry.ended_at, entry.end_reason = entry.expires_at, EndReason.EXPIRED
        entry.save(update_fields=["ended_at", "end_reason"])
        audit.record(
            AuditAction.ENDED,
            actor=SYSTEM,
            at=entry.expires_at,
            entry=entry,
            reason=EndReason.EXPIRED.value,
            before=before,
            after=facts(entry),
        )
    return len(entries)


def active_entry(pk: int, at: datetime) -> WhitelistEntry:
    """The entry as it is under the map's lock. Raises `EntryEndedError`."""
    entry = WhitelistEntry.objects.get(pk=pk)
    if not entry.is_active(at):
        raise EntryEndedError(entry.reference)
    return entry


def record_refusal(
    applicant: PortalIdentity, address: IPAddress, at: datetime, error: RefusedError
) -> None:
    audit.record(
        AuditAction.REFUSED,
        actor=audit.member(applicant),
        at=at,
        address=address,
        reason=error.refusal.reason.value,
    )


def facts(entry: WhitelistEntry) -> dict[str, Any]:
    """What of an entry changes in its life, for the audit."""
    return {
        "expires_at": entry.expires_at.isoformat(),
        "ended_at": entry.ended_at.isoformat() if entry.ended_at else None,
        "end_reason": entry.end_reason,
        "extensions": entry.extensions,
        "serial": entry.serial,
    }
