"""What relays count: messages and recipients of each whitelisted address, to its entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import Q

from whitelist.entries import do_end_by_count
from whitelist.models.entry import WhitelistEntry
from whitelist.models.relay import Relay
from whitelist.models.sent_count import SentCount
from whitelist.models.service_settings import ServiceSettings

# A message can leave the queue, and a relay report, a while after the entry ended.
LATE = timedelta(minutes=10)
T = TypeVar("T")
BATCH = 500  # addresses a query: databases bound the number of parameters
COUNTED = ("messages", "recipients", "bounced")


@dataclass(frozen=True)
class Sent:
    """What a run of an agent has counted so far. `expires`: the entry's, in Unix seconds."""

    address: str
    expires: int
    messages: int
    recipients: int
    bounced: int


@dataclass(frozen=True)
class Candidate:
    """An entry that a count may belong to."""

    pk: int
    expires: int
    finished_at: datetime


def store_sent(relay: Relay, run: str, sent: Sequence[Sent], *, at: datetime) -> list[int]:
    """Raise what is stored to what is told, never lower it; the entries it was told of.

    Counts rise within a run, so that a report that comes twice, or late, changes nothing. The
    caller holds the relay's lock. Addresses that no entry is or was just open at are left out.
    """
    totals = add_up(sent, entries_at([one.address for one in sent], at))
    for pks in batches(sorted(totals)):
        _raise_counts(relay, run, {pk: totals[pk] for pk in pks}, at)
    return sorted(totals)


def do_judge(pks: Sequence[int], *, at: datetime) -> int:
    """End those of these entries under which too much was sent; how many.

    After the report is stored, each in its own transaction: a relay that reports waits for no
    change of the map, and a change of the map for no relay.
    """
    settings, ended = ServiceSettings.load() if pks else None, 0
    if settings is None or not settings.ends_by_count:
        return 0
    for some in batches(pks):
        active = WhitelistEntry.objects.active(at).filter(pk__in=some).values("pk")
        for pk, sent in SentCount.objects.sums(active).items():
            if settings.limit_reached(sent):
                ended += do_end_by_count(pk, at=at) is not None
    return ended


def batches(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def entries_at(addresses: Sequence[str], at: datetime) -> dict[str, list[Candidate]]:
    """The entries that are active at each address, or ended a short while ago."""
    found: dict[str, list[Candidate]] = {}
    recent = at - LATE
    for some in batches(list(dict.fromkeys(addresses))):
        entries = WhitelistEntry.objects.filter(address__in=some, expires_at__gt=recent)
        entries = entries.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=recent))
        for entry in entries.only("pk", "address", "expires_at", "ended_at").order_by():
            one = Candidate(entry.pk, int(entry.expires_at.timestamp()), entry.finished_at)
            found.setdefault(entry.address, []).append(one)
    return found


def add_up(
    sent: Sequence[Sent], candidates: dict[str, list[Candidate]]
) -> dict[int, tuple[int, ...]]:
    """Counts by entry: the one of that expiry, else the one that lasts, or lasted, longest."""
    totals: dict[int, tuple[int, ...]] = {}
    for one in sent:
        counts = tuple(getattr(one, name) for name in COUNTED)
        if one.address not in candidates or not any(counts):
            continue
        entry = max(
            candidates[one.address],
            key=lambda entry: (entry.expires == one.expires, entry.finished_at),
        )
        before = totals.get(entry.pk, (0,) * len(COUNTED))
        totals[entry.pk] = tuple(map(max, before, counts))
    return totals


def _raise_counts(relay: Relay, run: str, totals: dict[int, tuple[int, ...]], at: datetime) -> None:
    stored = SentCount.objects.filter(relay=relay, run=run, entry__in=totals)
    rows = {row.entry_id: row for row in stored}
    made, changed = [], []
    for pk, counts in totals.items():
        row = rows.get(pk)
        if row is None:
            row = SentCount(entry_id=pk, relay=relay, run=run)
            made.append(row)
        elif any(count > getattr(row, name) for name, count in zip(COUNTED, counts, strict=True)):
            changed.append(row)
        for name, count in zip(COUNTED, counts, strict=True):
            setattr(row, name, max(count, getattr(row, name)))
        row.updated_at = at
    SentCount.objects.bulk_create(made)
    SentCount.objects.bulk_update(changed, [*COUNTED, "updated_at"])
