"""The chain of digests over the audit records: appending to it, and replacing identities.

A record is written in the transaction of what it records, by many at once and without a common
lock. So it is sealed afterwards: `do_seal` appends what has been committed, one link a record,
under a lock that nobody else waits for. What a link covers, and why, is in docs/decisions/0013.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet

from whitelist.models.audit import AuditRecord, AuditSeal, new_salt

log = logging.getLogger(__name__)

LOCK = 0x617564697463686E  # "auditchn": any constant that is nobody else's
BATCH = 1_000  # records in one transaction: a fraction of a second
# Keys are given out before the commit. One that is this far behind the newest sealed key can
# belong to no transaction that still ran: such a row was put in, and `verify` says so.
STRAGGLERS = 10_000
PERSONAL = ("actor", "address", "reason", "before", "after")


class Head(NamedTuple):
    """The chain's last link; `START` where there is none."""

    sequence: int
    digest: str


START = Head(0, "0" * 64)


def canonical(value: Any) -> bytes:
    """The same bytes for the same value, whichever database it was read from."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at else None


def content_of(record: AuditRecord) -> str:
    """A digest of all that a record says, as read from the database, keyed by its salt."""
    said = {
        "pk": record.pk,
        "at": instant(record.at),
        "action": record.action,
        "actor_kind": record.actor_kind,
        "actor": record.actor,
        "address": record.address,
        "entry": record.entry_id,
        "reason": record.reason,
        "before": record.before,
        "after": record.after,
        "request_id": record.request_id,
        "rewritten_at": instant(record.rewritten_at),
    }
    return hmac.new(record.salt.encode(), canonical(said), hashlib.sha256).hexdigest()


def digest_of(previous: str, seal: AuditSeal) -> str:
    """What `seal.digest` must be behind a link with the digest `previous`."""
    linked = [previous, seal.sequence, seal.record_id, seal.content, instant(seal.at)]
    return hashlib.sha256(canonical(linked)).hexdigest()


def head() -> Head:
    last = AuditSeal.objects.order_by("-sequence").first()
    return Head(last.sequence, last.digest) if last else START


def do_seal(at: datetime) -> int:
    """Append a link for each record that has none; how many. Leaves nothing committed behind."""
    total = 0
    while unsealed().exists():
        total += seal_batch(at)
    if total:
        # A digest that stands in the log too cannot be replaced unseen.
        log.info("audit: sealed %d records, up to %d:%s", total, *head())
    return total


@transaction.atomic
def seal_batch(at: datetime) -> int:
    lock_chain()
    records = list(unsealed()[:BATCH])
    append(records, at)
    return len(records)


def lock_chain() -> None:
    """One writer of the chain at a time, until the transaction ends.

    Taken after every other lock of a transaction, if it has any (the map's among them), so that
    no two can wait for each other. On SQLite the transaction itself is exclusive.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def unsealed() -> QuerySet[AuditRecord]:
    """Committed records without a link, as far as they may still get one; the oldest first."""
    sealed = AuditSeal.objects.filter(record=OuterRef("pk"))
    return AuditRecord.objects.filter(~Exists(sealed), pk__gt=horizon()).order_by("pk")


def outside() -> QuerySet[AuditRecord]:
    """Records that no link covers, and that none will: they were put in behind its back."""
    sealed = AuditSeal.objects.filter(record=OuterRef("pk"))
    return AuditRecord.objects.filter(~Exists(sealed), pk__lte=horizon()).order_by("pk")


def horizon() -> int:
    newest: int = AuditSeal.objects.aggregate(newest=Max("record_id"))["newest"] or 0
    return newest - STRAGGLERS


def append(records: Iterable[AuditRecord], at: datetime) -> None:
    """One link a record, in this order; the chain must be locked."""
    last, seals = head(), []
    for record in records:
        seal = AuditSeal(sequence=last.sequence + 1, record=record, at=at)
        seal.content = content_of(record)
        seal.digest = digest_of(last.digest, seal)
        seals.append(seal)
        last = Head(seal.sequence, seal.digest)
    AuditSeal.objects.bulk_create(seals)


def do_rewrite(records: Sequence[AuditRecord], *, at: datetime) -> None:
    """Replace identities in records: the fields in `PERSONAL`, as these objects have them now.

    Each gets a new link for what it says from now on. Its first link stays in the chain, but the
    salt goes, so nobody can find out by trying which identity it covered. `at` must be later than
    any earlier rewriting of the same record: the database refuses it otherwise.
    """
    do_seal(at)  # what they said must be in the chain before it goes
    for record in records:
        record.salt, record.rewritten_at = new_salt(), at
    with transaction.atomic():
        lock_chain()
        fields = [*PERSONAL, "salt", "rewritten_at"]
        AuditRecord.objects.bulk_update(records, fields, batch_size=BATCH)
        keys = [record.pk for record in records]
        append(AuditRecord.objects.filter(pk__in=keys).order_by("pk"), at)
