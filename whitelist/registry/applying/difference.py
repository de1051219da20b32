"""What differs between staged rows and the hosts of a zone, and making it so.

All of it in SQL on the temporary tables of `staging`, inside a transaction of the caller that
holds the zone's row: first the comparison, which changes nothing, then what it found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models.expressions import RawSQL

from whitelist.models.entry import WhitelistEntry
from whitelist.models.zone import Zone
from whitelist.registry.applying.staging import finish

GONE = """
INSERT INTO gone_host (id, address, name) SELECT id, address, name FROM whitelist_host
WHERE zone_id = %s AND NOT EXISTS (
    SELECT 1 FROM staged_host
    WHERE staged_host.address = whitelist_host.address AND staged_host.name = whitelist_host.name
)
"""
NEW = """
INSERT INTO new_host (address, name, unit, contact, line)
SELECT address, name, unit, contact, line FROM staged_host WHERE NOT EXISTS (
    SELECT 1 FROM whitelist_host WHERE whitelist_host.zone_id = %s
    AND whitelist_host.address = staged_host.address AND whitelist_host.name = staged_host.name
)
"""
# The inner queries of these two read an index once a row, whatever the planner believes.
NAMED = """
INSERT INTO gone_host (id, address, name) SELECT id, address, name FROM (
    SELECT address, name, (
        SELECT id FROM whitelist_host WHERE whitelist_host.zone_id = %s
        AND whitelist_host.address = staged_host.address AND whitelist_host.name = staged_host.name
    ) AS id FROM staged_host
) AS named WHERE id IS NOT NULL
"""
LOST = """
INSERT INTO lost_address (address) SELECT address FROM gone_host WHERE NOT EXISTS (
    SELECT 1 FROM new_host WHERE new_host.address = gone_host.address
) GROUP BY address HAVING count(*) = (
    SELECT count(*) FROM whitelist_host
    WHERE whitelist_host.zone_id = %s AND whitelist_host.address = gone_host.address
)
"""
SOMETHING_LEFT = """
SELECT 1 FROM whitelist_host WHERE zone_id = %s
AND NOT EXISTS (SELECT 1 FROM gone_host WHERE gone_host.id = whitelist_host.id) LIMIT 1
"""
HISTORY = """
INSERT INTO whitelist_hostchange (zone_id, address, name, added, at)
SELECT %s, address, name, {added}, %s FROM {table}
"""
GAINED = HISTORY.format(table="new_host", added="true")
PARTED = HISTORY.format(table="gone_host", added="false")
DELETE = "DELETE FROM whitelist_host WHERE id IN (SELECT id FROM gone_host)"
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
INSERT INTO whitelist_host (zone_id, address, name, unit, contact, first_seen_at)
SELECT %s, address, name, coalesce(unit, ''), coalesce(contact, ''), %s FROM new_host WHERE true
ON CONFLICT (zone_id, address, name) DO NOTHING
"""


@dataclass(frozen=True)
class Difference:
    """What applying the staged rows would mean; hosts are pairs of address and name."""

    added: int
    removed: int
    addresses_lost: int = 0  # that lose their last name in this zone
    entries_hit: int = 0  # active entries of such addresses
    nothing_left: bool = False  # where there was something


@dataclass(frozen=True)
class Changes:
    """What an import did, or would do, by number of hosts; then who is hit by it."""

    added: int
    updated: int
    removed: int
    unchanged: int
    addresses_lost: int = 0
    entries_hit: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.updated or self.removed)


def difference_of_all(zone: Zone, *, whole: bool, at: datetime) -> Difference:
    """Between the staged rows and what is stored; with `whole`, what lacks is gone."""
    removed = execute(GONE, [zone.pk]) if whole else 0
    return measured(zone, added=execute(NEW, [zone.pk]), removed=removed, at=at)


def difference_of_changes(zone: Zone, *, added: int, at: datetime) -> Difference:
    """What `staged_changes` staged; `removed` is how many of the hosts that go are stored."""
    return measured(zone, added=added, removed=execute(NAMED, [zone.pk]), at=at)


def measured(zone: Zone, *, added: int, removed: int, at: datetime) -> Difference:
    if not removed:
        return Difference(added, removed)
    finish("gone_host")
    finish("new_host")
    lost = execute(LOST, [zone.pk])
    return Difference(
        added,
        removed,
        addresses_lost=lost,
        entries_hit=entries_of_lost_addresses(at) if lost else 0,
        nothing_left=not added and not found(SOMETHING_LEFT, [zone.pk]),
    )


def entries_of_lost_addresses(at: datetime) -> int:
    lost = RawSQL("SELECT address FROM lost_address", [])
    return WhitelistEntry.objects.active(at).filter(address__in=lost).count()


def do_apply_difference(zone: Zone, difference: Difference, *, at: datetime) -> tuple[int, int]:
    """Delete what is gone and insert what is new; how many were removed and added.

    The first loading of a zone is no history: its names count as old.
    """
    first = zone.first_loaded_at is None
    removed = added = 0
    moment = connection.ops.adapt_datetimefield_value(at)
    if difference.removed:
        if not first:
            execute(PARTED, [zone.pk, moment])
        removed = execute(DELETE)
    if difference.added:
        if not first:
            execute(GAINED, [zone.pk, moment])
        added = execute(INSERT, [zone.pk, None if first else moment])
    return removed, added


def do_update_details(zone: Zone) -> int:
    """Units and contacts of the hosts that stay, where the staged rows say them; how many."""
    return execute(UPDATE, [zone.pk])


def execute(statement: str, values: list[Any] | None = None) -> int:
    """How many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        touched: int = cursor.rowcount
        return touched


def found(statement: str, values: list[Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone() is not None
