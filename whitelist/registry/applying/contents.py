"""What a source says of its zone besides hosts, and storing it in the zone's rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from django.db.models import Exists, OuterRef

from whitelist.models.host import Host, OmittedRecord
from whitelist.models.zone import Zone, ZoneKind, ZoneSource
from whitelist.registry.omissions import MOST_KEPT, MOST_POINTING, Omission, is_pointing
from whitelist.registry.reverse_names import ancestors
from whitelist.registry.sources import SourceError
from whitelist.registry.sources.transferred_zone import NeedsFullTransfer

BATCH = 1_000
T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """What is applied: a zone by its origin and view, or a list by its own name.

    `cuts` are the zones that a DNS zone delegates below itself, `renamed` the names that a
    DNAME moves away. Serial and times (seconds) are the SOA's; None where nothing said them.
    """

    name: str
    kind: ZoneKind
    view: str = ""
    serial: int | None = None
    cuts: frozenset[str] = frozenset()
    renamed: frozenset[str] = frozenset()
    refresh: int | None = None
    retry: int | None = None
    expire: int | None = None


class OmissionRow(NamedTuple):
    """One record that registers nobody, as the database and a held transfer keep it."""

    reason: str
    owner: str
    type: str
    target: str
    address: str | None


def locked_zone(source: Source) -> Zone:
    """The source's zone, created where it is new. Raises `SourceError` if it is another kind."""
    named = {"name": source.name, "view": source.view}
    Zone.objects.get_or_create(**named, defaults={"kind": source.kind})
    zone = Zone.objects.select_for_update().get(**named)
    if zone.kind != source.kind:
        raise SourceError(f"{zone} is stored as {zone.kind}, and this is {source.kind}")
    return zone


def do_store_source(zone: Zone, source: Source, *, hosts: int, whole: bool, at: datetime) -> None:
    """The zone's own row and the zones it delegates; with `whole` nothing older of it stays."""
    cuts, renamed = set(source.cuts), set(source.renamed)
    if not whole:
        cuts.update(zone.cuts)
        renamed.update(zone.renamed)
    for name in ("serial", "refresh", "retry", "expire"):
        said = getattr(source, name)
        setattr(zone, name, getattr(zone, name) if said is None else said)
    zone.cuts, zone.renamed = sorted(cuts), sorted(renamed)
    if whole or zone.first_loaded_at is None:
        zone.full_at = at
    zone.hosts_count = hosts
    zone.loaded_at = at
    zone.first_loaded_at = zone.first_loaded_at or at
    zone.save(
        update_fields=[
            "serial", "refresh", "retry", "expire", "cuts", "renamed",
            "hosts_count", "loaded_at", "first_loaded_at", "full_at",
        ]
    )  # fmt: skip
    if source.kind != ZoneKind.LIST:
        store_delegations(source, whole=whole)


def store_delegations(source: Source, *, whole: bool) -> None:
    """Keep one row a zone that this one cuts off, so that `lookup` knows who speaks there.

    Such a row has no hosts and was never loaded; with `whole` it goes when its cut is gone.
    A zone without a view speaks in this one too: there is no second row beside it.
    """
    if whole:
        for zone in mere_delegations(source):
            if source.cuts.isdisjoint(ancestors(zone.name)):
                zone.delete()
    seen = Zone.objects.filter(name__in=source.cuts, view__in={source.view, ""})
    known = set(seen.values_list("name", flat=True))
    Zone.objects.bulk_create(
        (
            Zone(name=name, view=source.view, kind=source.kind)
            for name in sorted(source.cuts - known)
        ),
        ignore_conflicts=True,
    )


def mere_delegations(source: Source) -> list[Zone]:
    """Rows below the source's zone that nobody has loaded, nor set up to be followed."""
    hosts = Exists(Host.objects.filter(zone=OuterRef("pk")))
    below = Zone.objects.filter(
        kind=source.kind, view=source.view, name__endswith="." + source.name
    )
    return list(below.filter(~hosts, source=ZoneSource.HAND, loaded_at=None))


def do_store_omissions(zone: Zone, counts: dict[str, int], kept: Iterable[OmissionRow]) -> None:
    """What the zone leaves out now: exact numbers, and the records that were kept."""
    zone.left_out = counts
    zone.save(update_fields=["left_out"])
    zone.omitted_records.all().delete()
    OmittedRecord.objects.bulk_create((omitted(zone, row) for row in kept), batch_size=BATCH)


def do_change_omissions(zone: Zone, gone: list[Omission], new: list[Omission]) -> None:
    """Bring what is left out up to date. Raises `NeedsFullTransfer` where that cannot be done."""
    counts = Counter(zone.left_out)
    counts.update(str(omission.reason) for omission in new)
    counts.subtract(str(omission.reason) for omission in gone)
    if min(counts.values(), default=0) < 0:
        raise NeedsFullTransfer("records go that were never left out")
    if gone:
        remove_omitted(zone, Counter(map(omission_row, gone)))
    if new:
        add_omitted(zone, [omission_row(omission) for omission in new])
    zone.left_out = numbers(counts)
    zone.save(update_fields=["left_out"])


def remove_omitted(zone: Zone, gone: Counter[OmissionRow]) -> None:
    """One stored record for each that goes; not every one was kept."""
    keys = []
    owners = list({row.owner for row in gone})
    for some in batches(owners):
        stored = zone.omitted_records.filter(owner__in=some)
        for key, *values in stored.values_list("pk", *OmissionRow._fields):
            row = OmissionRow(*values)
            if gone[row]:
                gone[row] -= 1
                keys.append(key)
    for some_keys in batches(keys):
        OmittedRecord.objects.filter(pk__in=some_keys).delete()


def add_omitted(zone: Zone, new: list[OmissionRow]) -> None:
    """As many as there is room for; of those that point there is as much as in a whole zone."""
    pointing = [row for row in new if is_pointing(row.reason, row.target, row.address)]
    others = [row for row in new if not is_pointing(row.reason, row.target, row.address)]
    stored = zone.omitted_records.values_list("reason", "target", "address")
    points = Counter(is_pointing(*row) for row in stored.iterator())
    room = max(0, MOST_POINTING - points[True]), max(0, 2 * MOST_KEPT - points[False])
    kept = [*pointing[: room[0]], *others[: room[1]]]
    OmittedRecord.objects.bulk_create((omitted(zone, row) for row in kept), batch_size=BATCH)


def batches(items: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def omission_row(omission: Omission) -> OmissionRow:
    return OmissionRow(
        str(omission.reason), omission.owner, omission.type, omission.target, omission.address
    )


def omitted(zone: Zone, row: OmissionRow) -> OmittedRecord:
    return OmittedRecord(zone=zone, **row._asdict())


def numbers(counts: Mapping[Any, int]) -> dict[str, int]:
    """Numbers by reason as they are stored: without the reasons that did not occur."""
    return {str(reason): count for reason, count in sorted(counts.items()) if count}
