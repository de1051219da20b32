"""What is too much to apply without somebody's word: addresses that lose their last name.

A host that changes its name is no loss. Counted in SQL, and never over the whole zone where
few addresses are concerned.
"""

from __future__ import annotations

from django.db import connection

from whitelist.models.service_settings import ServiceSettings
from whitelist.models.sync_run import HoldReason
from whitelist.models.zone import Zone
from whitelist.registry.applying.difference import Difference
from whitelist.registry.sources import SourceError

SOME_ADDRESSES = """
SELECT count(*) FROM (
    SELECT DISTINCT address FROM whitelist_host WHERE zone_id = %s LIMIT %s
) AS enough
"""
ADDRESSES = "SELECT count(DISTINCT address) FROM whitelist_host WHERE zone_id = %s"


class LossRefusedError(SourceError):
    """The source would lose more than is allowed, and nobody has accepted that."""

    def __init__(self, zone: Zone, difference: Difference, reason: HoldReason) -> None:
        why = {
            HoldReason.EMPTY: "and nothing would be left",
            HoldReason.LOSS: f"more than {zone.loss_allowed} %",
            HoldReason.ENTRIES: f"with active entries for {difference.entries_hit:,} of them",
        }
        super().__init__(
            f"{zone} would lose {difference.addresses_lost:,} of its {addresses(zone):,} addresses,"
            f" {why[reason]}: if that is meant, say --accept-loss"
        )


def check_loss(zone: Zone, difference: Difference) -> None:
    """Raises `LossRefusedError`."""
    reason = hold_reason(zone, difference)
    if reason is not None:
        raise LossRefusedError(zone, difference, reason)


def hold_reason(zone: Zone, difference: Difference) -> HoldReason | None:
    """Why the difference wants a person's word; None where it may be applied."""
    if difference.nothing_left:
        return HoldReason.EMPTY
    lost = difference.addresses_lost
    if lost and not has_addresses(zone, lost * 100, zone.loss_allowed):
        return HoldReason.LOSS
    hit = difference.entries_hit
    if hit and hit > ServiceSettings.load().entries_hit_allowed:
        return HoldReason.ENTRIES
    return None


def has_addresses(zone: Zone, number: int, divisor: int) -> bool:
    """Whether the zone names at least `number / divisor` addresses: counted that far only."""
    if not divisor:
        return False
    enough = -(-number // divisor)
    with connection.cursor() as cursor:
        cursor.execute(SOME_ADDRESSES, [zone.pk, enough])
        return bool(cursor.fetchone()[0] == enough)


def addresses(zone: Zone) -> int:
    """How many addresses have a name in this zone."""
    with connection.cursor() as cursor:
        cursor.execute(ADDRESSES, [zone.pk])
        count: int = cursor.fetchone()[0]
        return count
