"""The only writer of whitelist entries.

Each `do_…` is one transaction: the entry, its audit record, and the map serial that carries
the change to the relays. It holds the map's lock, so it decides on what is true until it
commits; nothing slow (DNS, files, HTTP) runs inside.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from portal_auth.identity import PortalIdentity
from whitelist import audit, notices, outbox
from whitelist.addresses import IPAddress, parse_address
from whitelist.audit import SYSTEM, Actor
from whitelist.models.access_map import AccessMap
from whitelist.models.audit import AuditAction
from whitelist.models.entry import EndReason, EntryQuerySet, WhitelistEntry
from whitelist.models.sent_count import SentCount, WhatWasSent
from whitelist.models.service_settings import ServiceSettings
from whitelist.registry.lookup import AddressStatus, NamePolicy, Registration, standing
from whitelist.rules import EXTENDING, OPENING, RefusedError, Situation, check_allowed


class EntryEndedError(Exception):
    """The entry is not active any more: there is nothing to extend or end."""


def do_open_entry(
    *,
    applicant: PortalIdentity,
    address: IPAddress,
    at: datetime,
    language: str = "",
    wants_letters: bool = False,
) -> WhitelistEntry:
    """Open an entry for one term from `at`. `language`: in which its owner wants to read of it.

    `wants_letters`: by e-mail too, when it takes effect and before it ends. Raises `RefusedError`
    where a rule says no; the refusal is audited.
    """
    try:
        return open_entry(applicant, address, at, language, wants_letters)
    except RefusedError as error:
        record_refusal(applicant, address, at, error)
        raise


@transaction.atomic
def open_entry(
    applicant: PortalIdentity,
    address: IPAddress,
    at: datetime,
    language: str,
    wants_letters: bool,
) -> WhitelistEntry:
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
        requester_email=applicant.email,
        requester_language=language,
        wants_letters=wants_letters,
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
    # The rules have found it registered again: a notice of loss has no ground any more.
    entry.registration_lost_at = entry.expiry_before_loss = None
    entry.extensions += 1
    entry.serial = outbox.advance(access_map)
    entry.save(
        update_fields=[
            "expires_at", "registration_lost_at", "expiry_before_loss", "extensions", "serial",
        ]
    )  # fmt: skip
    actor = audit.member(applicant)
    audit.record(
        AuditAction.EXTENDED, actor=actor, at=at, entry=entry, before=before, after=facts(entry)
    )
    return entry


@transaction.atomic
def do_end_entry(
    entry: WhitelistEntry,
    *,
    actor: Actor,
    reason: EndReason,
    at: datetime,
    note: str = "",
    seen: dict[str, Any] | None = None,
) -> WhitelistEntry:
    """End an active entry now. `seen`: what decided it, for the audit.

    Raises `EntryEndedError` when it has ended already.
    """
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
        after=facts(entry) | (seen or {}),
    )
    return entry


@transaction.atomic
def do_end_by_count(pk: int, *, at: datetime) -> EndReason | None:
    """End an entry under which more was sent than the settings bear, and tell its owner and staff.

    By what is true under the map's lock; None where it stays, or has ended meanwhile. No relay
    may be locked: who reports holds its relay's lock, and never waits for the map's.
    """
    outbox.lock_map()
    entry = WhitelistEntry.objects.active(at).filter(pk=pk).first()
    settings = ServiceSettings.load()
    sent = SentCount.objects.sums([pk]).get(pk, WhatWasSent())
    reason = settings.limit_reached(sent)
    if entry is None or reason is None:
        return None
    entry = do_end_entry(entry, actor=SYSTEM, reason=reason, at=at, seen=asdict(sent))
    told = {"entry": entry, "sent": sent, "settings": settings}
    notices.tell_owner(entry, "ended_by_count", told | {"is_owner": True}, at=at)
    notices.tell_staff("ended_by_count", told, at=at, key=f"ended_by_count:{entry.pk}")
    return reason


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
        entry.ended_at, entry.end_reason = entry.expires_at, why_it_lapsed(entry)
        entry.save(update_fields=["ended_at", "end_reason"])
        audit.record(
            AuditAction.ENDED,
            actor=SYSTEM,
            at=entry.expires_at,
            entry=entry,
            reason=entry.end_reason,
            before=before,
            after=facts(entry),
        )
    return len(entries)


def why_it_lapsed(entry: WhitelistEntry) -> EndReason:
    """An entry that lapsed before its term was over did so because its ground fell away."""
    if entry.expiry_before_loss and entry.expires_at < entry.expiry_before_loss:
        return EndReason.REGISTRATION_LOST
    return EndReason.EXPIRED


def do_review_registrations(at: datetime) -> tuple[int, int]:
    """Look at the registration of every active entry's address again.

    One that was lost is given notice: the entry ends after the grace period, at the relay
    too, since it is the expiry that is brought forward. One that is back in time has its old
    expiry again. How many were given notice, and how many got it taken back.
    """
    policy = NamePolicy.of(ServiceSettings.load())
    lost = back = 0
    for entry in WhitelistEntry.objects.active(at):
        is_lost = not is_registered(entry, policy, at)
        if is_lost and entry.registration_lost_at is None:
            lost += give_notice(entry.pk, at)
        elif not is_lost and entry.registration_lost_at is not None:
            back += take_notice_back(entry.pk, at)
    return lost, back


def is_registered(entry: WhitelistEntry, policy: NamePolicy, at: datetime) -> bool:
    found = standing(parse_address(entry.address), policy, at=at)
    return found.status == AddressStatus.REGISTERED


@transaction.atomic
def give_notice(pk: int, at: datetime) -> bool:
    """Bring the entry's expiry forward; False where it changed since it was looked at."""
    access_map = outbox.lock_map()
    entry = WhitelistEntry.objects.active(at).filter(pk=pk, registration_lost_at=None).first()
    settings = ServiceSettings.load()
    if entry is None or is_registered(entry, NamePolicy.of(settings), at):
        return False
    before = facts(entry)
    entry.registration_lost_at, entry.expiry_before_loss = at, entry.expires_at
    entry.expires_at = min(entry.expires_at, at + settings.registration_grace)
    save_notice(entry, access_map, AuditAction.REGISTRATION_LOST, at, before)
    return True


@transaction.atomic
def take_notice_back(pk: int, at: datetime) -> bool:
    """Give the entry its old expiry again; False where it changed since it was looked at."""
    access_map = outbox.lock_map()
    entry = WhitelistEntry.objects.active(at).filter(pk=pk).first()
    policy = NamePolicy.of(ServiceSettings.load())
    if entry is None or entry.expiry_before_loss is None or not is_registered(entry, policy, at):
        return False
    before = facts(entry)
    entry.expires_at = entry.expiry_before_loss
    entry.registration_lost_at = entry.expiry_before_loss = None
    save_notice(entry, access_map, AuditAction.REGISTRATION_BACK, at, before)
    return True


def save_notice(
    entry: WhitelistEntry,
    access_map: AccessMap,
    action: AuditAction,
    at: datetime,
    before: dict[str, Any],
) -> None:
    entry.serial = outbox.advance(access_map)
    entry.save(update_fields=["expires_at", "registration_lost_at", "expiry_before_loss", "serial"])
    audit.record(action, actor=SYSTEM, at=at, entry=entry, before=before, after=facts(entry))


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
