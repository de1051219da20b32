"""Bringing the registry in step with a source: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import connection, transaction

from whitelist import audit
from whitelist.audit import Actor
from whitelist.models.audit import AuditAction
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.reverse_names import ancestors
from whitelist.registry.sources import HostRow, SourceError
from whitelist.registry.staging import staged_hosts

# A list may lose this part of its hosts without anybody being asked.
LOSS_ALLOWED = 5  # a fifth

DELETE = """
DELETE FROM whitelist_host WHERE zone_id = %s AND NOT EXISTS (
    SELECT 1 FROM staged_host
    WHERE staged_host.address = whitelist_host.address AND staged_host.name = whitelist_host.name
)
"""
UPDATE = """
UPDATE whitelist_host SET
    unit = coalesce(staged_host.unit, whitelist_host.unit),
    contact = coalesce(staged_host.contact, whitelist_host.contact)
FROM staged_host
WHERE whitelist_host.zone_id = %s
    AND staged_host.address = whitelist_host.address AND staged_host.name = whitelist_host.name
    AND (staged_host.unit <> whitelist_host.unit OR staged_host.contact <> whitelist_host.contact)
"""
INSERT = """
INSERT INTO whitelist_host (zone_id, address, name, unit, contact)
SELECT %s, address, name, coalesce(unit, ''), coalesce(contact, '') FROM staged_host
WHERE NOT EXISTS (
    SELECT 1 FROM whitelist_host WHERE whitelist_host.zone_id = %s
    AND whitelist_host.address = staged_host.address AND whitelist_host.name = staged_host.name
)
ON CONFLICT (zone_id, address, name) DO NOTHING
"""


@dataclass(frozen=True)
class Source:
    """What is applied: a zone by its origin, or a list by its own name.

    `delegated` are the zones that a DNS zone cuts off below itself.
    """

    name: str
    kind: ZoneKind
    serial: int | None = None
    delegated: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Changes:
    """What an import did, or would do, by number of hosts (pairs of address and name)."""

    added: int
    updated: int
    removed: int
    unchanged: int

    def __bool__(self) -> bool:
        return bool(self.added or self.updated or self.removed)


class LossRefusedError(SourceError):
    """The source would lose more than a fifth of its hosts, and nobody has accepted that."""

    def __init__(self, source: Source, removed: int, before: int) -> None:
        super().__init__(
            f"{source.name} would lose {removed:,} of its {before:,} hosts, more than a fifth:"
            " if that is meant, say --accept-loss"
        )


def do_apply_hosts(
    source: Source,
    rows: Iterable[HostRow],
    *,
    actor: Actor,
    at: datetime,
    replace: bool = False,
    accept_loss: bool = False,
    dry_run: bool = False,
) -> Changes:
    """Add and update the hosts of a source; with `replace` the rows are its whole truth.

    A dry run does the same and takes it back, so that its numbers are the true ones. Raises
    `SourceError`, and whatever reading the rows raises: then nothing has changed.
    """
    with staged_hosts(rows) as count, transaction.atomic():
        zone = locked_zone(source)
        changes = apply_staged(source, zone, count, replace, accept_loss)
        store_delegations(source, replace)
        Zone.objects.filter(pk=zone.pk).update(
            loaded_at=at, serial=zone.serial if source.serial is None else source.serial
        )
        if changes:
            audit.record(
                AuditAction.REGISTRY_CHANGED,
                actor=actor,
                at=at,
                reason=source.name,
                after={"serial": source.serial, "replace": replace, **asdict(changes)},
            )
        transaction.set_rollback(dry_run)
    return changes


def locked_zone(source: Source) -> Zone:
    """The source's zone, created where it is new. Raises `SourceError` if it is another kind."""
    Zone.objects.get_or_create(name=source.name, defaults={"kind": source.kind})
    zone = Zone.objects.select_for_update().get(name=source.name)
    if zone.kind != source.kind:
        raise SourceError(f"{zone.name} is stored as {zone.kind}, and this is {source.kind}")
    return zone


def apply_staged(
    source: Source, zone: Zone, count: int, replace: bool, accept_loss: bool
) -> Changes:
    removed = 0
    with connection.cursor() as cursor:
        if replace:
            before = zone.hosts.count()
            cursor.execute(DELETE, [zone.pk])
            removed = cursor.rowcount
            if removed * LOSS_ALLOWED > before and not accept_loss:
                raise LossRefusedError(source, removed, before)
        cursor.execute(UPDATE, [zone.pk])
        updated = cursor.rowcount
        cursor.execute(INSERT, [zone.pk, zone.pk])
        added = cursor.rowcount
    return Changes(added, updated, removed, unchanged=count - added - updated)


def store_delegations(source: Source, replace: bool) -> None:
    """Keep one row a zone that this one cuts off, so that `lookup` knows who speaks there.

    Such a row has no hosts and was never loaded; with `replace` it goes when its cut is gone.
    """
    if source.kind == ZoneKind.LIST:
        return
    if replace:
        for zone in Zone.objects.filter(
            kind=source.kind, name__endswith="." + source.name, loaded_at=None, hosts=None
        ):
            if source.delegated.isdisjoint(ancestors(zone.name)):
                zone.delete()
    known = set(Zone.objects.filter(name__in=source.delegated).values_list("name", flat=True))
    Zone.objects.bulk_create(
        Zone(name=name, kind=source.kind) for name in sorted(source.delegated - known)
    )
