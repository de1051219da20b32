"""Suspending and un-suspending addresses, networks and persons."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from whitelist import audit
from whitelist.addresses import order_key, parse_address
from whitelist.audit import Actor
from whitelist.entries import do_end_entry
from whitelist.models.audit import AuditAction
from whitelist.models.block import Block, BlockKind
from whitelist.models.entry import EndReason, EntryQuerySet, WhitelistEntry


@transaction.atomic
def do_block(block: Block, *, actor: Actor, at: datetime) -> list[WhitelistEntry]:
    """Store the block, and end what is active under it. Returns the entries that ended."""
    block.set_bounds()
    block.save()
    audit.record(
        AuditAction.BLOCKED, actor=actor, at=at, reason=block.reason, after={"block": str(block)}
    )
    note = block.case_number or block.reason
    return [
        do_end_entry(entry, actor=actor, reason=EndReason.SUSPENDED, at=at, note=note)
        for entry in candidates(block, at)
        if covers(block, entry)
    ]


def candidates(block: Block, at: datetime) -> EntryQuerySet:
    """The active entries that the block may cover: all of them only where it is a network."""
    active = WhitelistEntry.objects.active(at)
    if block.kind == BlockKind.PERSON:
        return active.filter(requester_subject=block.subject)
    return active if "/" in block.subject else active.filter(address=block.subject)


@transaction.atomic
def do_lift_block(block: Block, *, actor: Actor, at: datetime, reason: str) -> bool:
    """Lift a block; False when it was lifted already."""
    lifted = Block.objects.filter(pk=block.pk, lifted_at__isnull=True).update(lifted_at=at)
    if lifted:
        audit.record(
            AuditAction.BLOCK_LIFTED,
            actor=actor,
            at=at,
            reason=reason,
            before={"block": str(block)},
        )
    return bool(lifted)


def covers(block: Block, entry: WhitelistEntry) -> bool:
    if block.kind == BlockKind.PERSON:
        return entry.requester_subject == block.subject
    address = parse_address(entry.address)
    return block.family == address.version and block.lo <= order_key(address) <= block.hi
