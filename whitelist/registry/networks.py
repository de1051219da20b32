"""Bringing the table of networks in step with a list of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from django.db import transaction

from whitelist import audit
from whitelist.audit import Actor
from whitelist.models.audit import AuditAction
from whitelist.models.network import Network
from whitelist.registry.applying.apply import Changes
from whitelist.registry.sources.csv_file import NetworkRow

BATCH = 500
WRITTEN_DOWN = ("added", "updated", "removed", "unchanged")


@transaction.atomic
def do_apply_networks(
    rows: Iterable[NetworkRow], *, actor: Actor, at: datetime, dry_run: bool = False
) -> Changes:
    """Add and update networks by their CIDR; none is removed. A dry run takes it back.

    A unit or contact that the list does not state stays as it is.
    """
    stored = {network.cidr: network for network in Network.objects.select_for_update()}
    new, changed, unchanged = [], [], 0
    for row in rows:
        network = stored.get(row.cidr)
        if network is None:
            new.append(new_network(row))
        elif update(network, row):
            changed.append(network)
        else:
            unchanged += 1
    Network.objects.bulk_create(new, batch_size=BATCH)
    Network.objects.bulk_update(changed, ["kind", "unit", "contact"], batch_size=BATCH)
    changes = Changes(len(new), len(changed), 0, unchanged)
    if changes:
        numbers = asdict(changes)
        audit.record(
            AuditAction.REGISTRY_CHANGED,
            actor=actor,
            at=at,
            reason="networks",
            after={name: numbers[name] for name in WRITTEN_DOWN},
        )
    transaction.set_rollback(dry_run)
    return changes


def new_network(row: NetworkRow) -> Network:
    network = Network(cidr=row.cidr, kind=row.kind, unit=row.unit or "", contact=row.contact or "")
    network.set_bounds()
    return network


def update(network: Network, row: NetworkRow) -> bool:
    """Take over what the row states; whether that changed anything."""
    before = (network.kind, network.unit, network.contact)
    network.kind = row.kind
    network.unit = network.unit if row.unit is None else row.unit
    network.contact = network.contact if row.contact is None else row.contact
    return before != (network.kind, network.unit, network.contact)
