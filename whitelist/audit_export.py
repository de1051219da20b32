"""Audit records as a file for a spreadsheet or a program, in the order in which they happened."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from whitelist.models.audit import AuditRecord
from whitelist.spreadsheets import csv_lines

COLUMNS = (
    "time", "action", "actor_kind", "actor", "address", "entry", "reason", "before", "after",
    "request_id", "record", "sequence", "digest",
)  # fmt: skip
PAGE = 2_000  # rows in memory at a time


class NotAMomentError(ValueError):
    """The text is neither a day nor a time."""


def moment(text: str, *, is_end: bool = False) -> datetime:
    """`2026-11-24`, `2026-11-24 16:22[:08]`, or with an offset; else in the service's time zone.

    A day alone is its midnight, or with `is_end` the one after: a range of days holds the last
    of them. Raises `NotAMomentError`.
    """
    try:
        if len(text) == len("2026-11-24"):
            day = date.fromisoformat(text) + timedelta(days=is_end)
            return timezone.make_aware(datetime.combine(day, time.min))
        at = datetime.fromisoformat(text)
        return (at if timezone.is_aware(at) else timezone.make_aware(at)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotAMomentError(text) from error


def between(since: datetime | None, until: datetime | None) -> QuerySet[AuditRecord]:
    """Records from `since` on, and before `until`; None: no bound."""
    records = AuditRecord.objects.all()
    if since is not None:
        records = records.filter(at__gte=since)
    return records if until is None else records.filter(at__lt=until)


def row_of(record: AuditRecord) -> dict[str, Any]:
    """The values of `COLUMNS`. Sequence and digest are those of the link that holds, if any."""
    seal = max(record.seals.all(), key=lambda seal: seal.sequence, default=None)
    values = (
        record.at.astimezone(UTC).isoformat(),
        record.action,
        record.actor_kind,
        record.actor,
        record.address,
        record.entry.reference if record.entry else None,
        record.reason,
        record.before,
        record.after,
        record.request_id,
        record.pk,
        seal and seal.sequence,
        seal and seal.digest,
    )
    return dict(zip(COLUMNS, values, strict=True))


def rows(records: QuerySet[AuditRecord]) -> Iterator[dict[str, Any]]:
    found = records.order_by("at", "pk").select_related("entry").prefetch_related("seals")
    return map(row_of, found.iterator(chunk_size=PAGE))


def jsonl_lines(records: QuerySet[AuditRecord]) -> Iterator[str]:
    """One JSON object a line."""
    for row in rows(records):
        yield json.dumps(row, ensure_ascii=False) + "\n"


def audit_lines(records: QuerySet[AuditRecord]) -> Iterator[str]:
    """A line of names, then one a record; nothing in it is taken for a formula."""
    return csv_lines(chain([COLUMNS], (map(cell, row.values()) for row in rows(records))))


def cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


Lines = Callable[[QuerySet[AuditRecord]], Iterable[str]]
FORMATS: dict[str, tuple[Lines, str]] = {
    "csv": (audit_lines, "text/csv; charset=utf-8"),
    "jsonl": (jsonl_lines, "application/jsonl; charset=utf-8"),
}
