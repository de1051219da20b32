"""Bringing the registry in step with a source: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from django.db import transaction

from whitelist import audit
from whitelist.audit import Actor
from whitelist.models.audit import AuditAction
from whitelist.models.sync_run import HeldTransfer, HoldReason
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.applying.contents import (
    Source,
    do_change_omissions,
    do_store_omissions,
    do_store_source,
    locked_zone,
    numbers,
    omission_row,
)
from whitelist.registry.applying.difference import (
    Changes,
    Difference,
    difference_of_all,
    difference_of_changes,
    do_apply_difference,
    do_update_details,
)
from whitelist.registry.applying.guard import LossRefusedError, check_loss, hold_reason
from whitelist.registry.applying.held import do_hold, do_supersede, held_transfer
from whitelist.registry.applying.staging import staged_changes, staged_hosts
from whitelist.registry.omissions import Omissions
from whitelist.registry.sources import HostRow
from whitelist.registry.sources.transferred_zone import Delta, NeedsFullTransfer

__all__ = [
    "Changes",
    "LossRefusedError",
    "NeedsFullTransfer",
    "Source",
    "do_apply_hosts",
    "do_sync_delta",
    "do_sync_hosts",
]


def do_apply_hosts(
    source: Source,
    rows: Iterable[HostRow],
    *,
    actor: Actor,
    at: datetime,
    replace: bool = False,
    accept_loss: bool = False,
    dry_run: bool = False,
    omissions: Omissions | None = None,
) -> Changes:
    """Add and update the hosts of a source by hand; with `replace` the rows are its whole truth.

    A dry run does the same and takes it back, so that its numbers are the true ones. Raises
    `SourceError`, and whatever reading the rows raises: then nothing has changed.
    """
    with staged_hosts(rows) as count, transaction.atomic():
        zone = locked_zone(source)
        difference = difference_of_all(zone, whole=replace, at=at)
        if not accept_loss:
            check_loss(zone, difference)
        changes = do_apply_all(zone, source, difference, count, whole=replace, at=at)
        store_omissions(zone, omissions)
        record(zone, source, changes, replace=replace, actor=actor, at=at)
        transaction.set_rollback(dry_run)
    return changes


def do_sync_hosts(
    zone: Zone,
    source: Source,
    rows: Iterable[HostRow],
    *,
    omissions: Omissions,
    actor: Actor,
    at: datetime,
    server: str = "",
    hold: HoldReason | None = None,
    dry_run: bool = False,
) -> Changes | HeldTransfer:
    """Bring a followed zone in step with the whole of it, as its server or its file has it.

    What the guard does not let through, or the caller wants held, is kept as a held transfer,
    and the zone stays as it is; in a dry run that transfer is told and not stored. Raises
    whatever reading the rows raises: then nothing has changed.
    """
    with staged_hosts(rows) as count:
        with transaction.atomic():
            zone = Zone.objects.select_for_update().get(pk=zone.pk)
            difference = difference_of_all(zone, whole=True, at=at)
            reason = hold or hold_reason(zone, difference)
            if reason is None:
                changes = do_apply_all(zone, source, difference, count, whole=True, at=at)
                store_omissions(zone, omissions)
                do_supersede(zone, actor=actor, at=at)
                record(zone, source, changes, replace=True, actor=actor, at=at)
                transaction.set_rollback(dry_run)
                return changes
        held = held_transfer(
            zone,
            source,
            difference,
            reason,
            counts=numbers(omissions.counts),
            kept=map(omission_row, omissions.kept),
            at=at,
            server=server,
        )
        return held if dry_run else do_hold(held, actor=actor)


def do_sync_delta(
    zone: Zone,
    source: Source,
    delta: Delta,
    *,
    actor: Actor,
    at: datetime,
    dry_run: bool = False,
) -> Changes:
    """Bring a followed zone in step by what changed since `zone.serial`.

    Its time does not depend on the size of the zone. Raises `NeedsFullTransfer` where the
    changes do not fit what is stored, or are more than may be applied unasked.
    """
    added, removed = len(delta.added), len(delta.removed)
    with staged_changes(delta.removed, delta.added), transaction.atomic():
        stored = Zone.objects.select_for_update().get(pk=zone.pk)
        if stored.serial != zone.serial:
            raise NeedsFullTransfer("the zone has changed meanwhile")
        difference = difference_of_changes(stored, added=added, at=at)
        if difference.removed != removed or removed > stored.hosts_count:
            raise NeedsFullTransfer("hosts go that are not stored")
        if hold_reason(stored, difference) is not None:
            raise NeedsFullTransfer("more addresses would lose their last name than may unasked")
        changes = do_apply_delta(stored, source, difference, at=at)
        do_change_omissions(stored, delta.omitted_removed, delta.omitted_added)
        do_supersede(stored, actor=actor, at=at)
        record(stored, source, changes, replace=False, actor=actor, at=at)
        transaction.set_rollback(dry_run)
    return changes


def do_apply_all(
    zone: Zone, source: Source, difference: Difference, count: int, *, whole: bool, at: datetime
) -> Changes:
    """Apply what was staged to the locked zone; `count` hosts are staged."""
    removed, added = do_apply_difference(zone, difference, at=at)
    updated = do_update_details(zone) if zone.kind == ZoneKind.LIST else 0
    hosts = count if whole else zone.hosts.count()
    do_store_source(zone, source, hosts=hosts, whole=whole, at=at)
    lost, hit = difference.addresses_lost, difference.entries_hit
    return Changes(added, updated, removed, count - added - updated, lost, hit)


def do_apply_delta(zone: Zone, source: Source, difference: Difference, *, at: datetime) -> Changes:
    removed, added = do_apply_difference(zone, difference, at=at)
    if added != difference.added:
        raise NeedsFullTransfer("hosts come that are stored already")
    unchanged = zone.hosts_count - removed
    do_store_source(zone, source, hosts=unchanged + added, whole=False, at=at)
    lost, hit = difference.addresses_lost, difference.entries_hit
    return Changes(added, 0, removed, unchanged, lost, hit)


def store_omissions(zone: Zone, omissions: Omissions | None) -> None:
    if omissions is not None:
        do_store_omissions(zone, numbers(omissions.counts), map(omission_row, omissions.kept))


def record(
    zone: Zone, source: Source, changes: Changes, *, replace: bool, actor: Actor, at: datetime
) -> None:
    """One audit record, where something changed."""
    if changes:
        audit.record(
            AuditAction.REGISTRY_CHANGED,
            actor=actor,
            at=at,
            reason=str(zone),
            after={"serial": source.serial, "replace": replace, **asdict(changes)},
        )
