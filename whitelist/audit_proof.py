"""Whether the audit is what was sealed: each link, each record, and the database's own guards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from whitelist.audit_chain import (
    BATCH,
    START,
    Head,
    content_of,
    digest_of,
    lock_chain,
    outside,
    unsealed,
)
from whitelist.models.audit import AuditRecord, AuditSeal

# Sealed later than this after what it tells: a worker was down, or it was written afterwards.
PROMPTLY = timedelta(days=1)
# What makes the database refuse; migration 0011 sets them up.
GUARDS = {
    "postgresql": (
        "audit_record_no_update", "audit_record_no_delete", "audit_record_no_truncate",
        "audit_seal_no_change", "audit_seal_no_truncate",
    ),
    "sqlite": (
        "audit_record_no_update", "audit_record_no_delete",
        "audit_seal_no_update", "audit_seal_no_delete",
    ),
}  # fmt: skip
STANDING = {
    "postgresql": (
        "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND tgrelid IN"
        " ('whitelist_auditrecord'::regclass, 'whitelist_auditseal'::regclass)"
    ),
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
}


@dataclass
class Verdict:
    """What a walk over the whole chain found; the audit is whole where `breaks` is empty."""

    links: int = 0
    outdone: int = 0  # links that stand for what a record said before identities went
    waiting: int = 0  # records that were committed during the walk, and not sealed yet
    head: Head = START
    breaks: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)  # no breaks, but somebody should look


def verify(noted: Mapping[int, str] | None = None) -> Verdict:
    """Walk the chain from its first link. `noted`: digests by sequence that were kept elsewhere."""
    noted, verdict, started = noted or {}, Verdict(), None
    for seal, record, is_latest in links():
        started = started or seal.at
        problem = broken_link(verdict.head, seal) or wrong_digest(seal, noted)
        if problem is None and is_latest:
            problem = confirmed(seal, broken_record(seal, record))
        if problem:
            verdict.breaks.append(f"{seal.sequence}: {problem}")
        elif record and is_late(seal, record, started):
            verdict.late.append(f"{seal.sequence}: record {record.pk} of {record.at:%F %T %Z}")
        verdict.links += 1
        verdict.outdone += not is_latest
        verdict.head = Head(seal.sequence, seal.digest)
    verdict.breaks += [
        f"{sequence}: the chain ends at {verdict.head.sequence}, before this link that was noted"
        for sequence in noted
        if sequence > verdict.head.sequence
    ]
    verdict.breaks += [f"-: record {record.pk} is outside the chain" for record in outside()]
    verdict.waiting = unsealed().count()
    return verdict


def links() -> Iterator[tuple[AuditSeal, AuditRecord | None, bool]]:
    """Each link in order, its record where it is there, and whether the link is its last."""
    after = 0
    while page := list(seals().filter(sequence__gt=after).order_by("sequence")[:BATCH]):
        records = AuditRecord.objects.in_bulk([seal.record_id for seal in page])
        for seal in page:
            yield seal, records.get(seal.record_id), not getattr(seal, "is_outdone", False)
        after = page[-1].sequence


def seals() -> QuerySet[AuditSeal]:
    later = AuditSeal.objects.filter(record=OuterRef("record"), sequence__gt=OuterRef("sequence"))
    return AuditSeal.objects.annotate(is_outdone=Exists(later))


def broken_link(last: Head, seal: AuditSeal) -> str | None:
    """Behind a gap there is nothing to compare with: the gap is what is told."""
    if seal.sequence != last.sequence + 1:
        missing = f"{last.sequence + 1} to {seal.sequence - 1}"
        return f"the links before it are missing ({missing})"
    if seal.digest != digest_of(last.digest, seal):
        return "this link, or its place in the chain, was changed"
    return None


def wrong_digest(seal: AuditSeal, noted: Mapping[int, str]) -> str | None:
    if noted.get(seal.sequence, seal.digest) != seal.digest:
        return f"its digest is not the one that was noted: {seal.digest}"
    return None


def broken_record(seal: AuditSeal, record: AuditRecord | None) -> str | None:
    if record is None:
        return f"record {seal.record_id} is gone"
    if content_of(record) != seal.content:
        return f"record {record.pk} is not what was sealed"
    return None


def confirmed(seal: AuditSeal, problem: str | None) -> str | None:
    """The problem, unless identities were replaced between our look at link and record."""
    if problem is None:
        return None
    with transaction.atomic():
        lock_chain()
        if AuditSeal.objects.filter(record=seal.record_id, sequence__gt=seal.sequence).exists():
            return None
        return broken_record(seal, AuditRecord.objects.filter(pk=seal.record_id).first())


def is_late(seal: AuditSeal, record: AuditRecord, started: datetime) -> bool:
    """Not of what was there when the chain began, nor of what was rewritten since."""
    is_later = seal.at > started and record.rewritten_at is None
    return is_later and seal.at - record.at > PROMPTLY


def missing_guards() -> list[str]:
    """Triggers that the database ought to have, and has not, or has switched off."""
    with connection.cursor() as cursor:
        cursor.execute(STANDING[connection.vendor])
        standing = {name for (name,) in cursor.fetchall()}
    return [name for name in GUARDS[connection.vendor] if name not in standing]
