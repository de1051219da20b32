"""Transfers that were not applied by themselves: kept, shown, and released or dropped by name.

The hosts of a held transfer are up to a million lines of text. They are compressed and read
back piece by piece, so that memory stays flat.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

from django.db import connection, transaction

from whitelist import audit
from whitelist.audit import Actor
from whitelist.models.audit import AuditAction
from whitelist.models.sync_run import HeldTransfer, HoldReason
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.applying.contents import (
    OmissionRow,
    Source,
    do_store_omissions,
    do_store_source,
)
from whitelist.registry.applying.difference import (
    Changes,
    Difference,
    difference_of_all,
    do_apply_difference,
)
from whitelist.registry.applying.guard import addresses
from whitelist.registry.applying.staging import Pair, rows_of, staged_hosts
from whitelist.registry.omissions import is_pointing

MOST_OMISSIONS = 1_000
PIECE = 16 * 1024  # bytes decompressed at a time
FETCH = 2_000  # rows
# The order of bytes, whatever the database's language: the digest is of this text.
SORTED = {
    "postgresql": (
        'SELECT host(address) AS one, name COLLATE "C" FROM {table} WHERE {where}'
        ' ORDER BY host(address) COLLATE "C", name COLLATE "C"'
    ),
    "sqlite": "SELECT address, name FROM {table} WHERE {where} ORDER BY address, name",
}


class ChangedMeanwhileError(Exception):
    """The held transfer is not, or no longer, the one that was looked at."""


def held_transfer(
    zone: Zone,
    source: Source,
    difference: Difference,
    reason: HoldReason,
    *,
    counts: Mapping[str, int],
    kept: Iterable[OmissionRow],
    at: datetime,
    server: str,
) -> HeldTransfer:
    """The staged rows as a held transfer; not stored."""
    digest, hosts = compressed(sorted_pairs("staged_host"))
    return HeldTransfer(
        zone=zone,
        reason=reason,
        held_at=at,
        server=server,
        serial=source.serial,
        digest=digest,
        hosts=hosts,
        content=content_of(source, counts, kept),
        added=difference.added,
        removed=difference.removed,
        addresses_before=addresses(zone),
        addresses_lost=difference.addresses_lost,
        entries_hit=difference.entries_hit,
    )


def do_hold(held: HeldTransfer, *, actor: Actor) -> HeldTransfer:
    """Store it in place of an older one of its zone; an equal one stays as it is."""
    with transaction.atomic():
        zone = Zone.objects.select_for_update().get(pk=held.zone_id)
        older = HeldTransfer.objects.filter(zone=zone).first()
        if older is not None:
            if (older.serial, older.digest) == (held.serial, held.digest):
                return older
            older.delete()
        held.save(force_insert=True)
        record(AuditAction.TRANSFER_HELD, held, actor=actor, at=held.held_at)
    return held


def compressed(pairs: Iterable[Pair]) -> tuple[str, bytes]:
    """Digest of the text, and the text compressed."""
    digest, packer, packed = hashlib.sha256(), zlib.compressobj(), bytearray()
    for address, name in pairs:
        line = f"{address} {name}\n".encode("ascii")
        digest.update(line)
        packed += packer.compress(line)
    packed += packer.flush()
    return digest.hexdigest(), bytes(packed)


def content_of(
    source: Source, counts: Mapping[str, int], kept: Iterable[OmissionRow]
) -> dict[str, Any]:
    return {
        "cuts": sorted(source.cuts),
        "renamed": sorted(source.renamed),
        "refresh": source.refresh,
        "retry": source.retry,
        "expire": source.expire,
        "left_out": dict(counts),
        "omissions": [list(row) for row in shortened(kept)],
    }


def shortened(kept: Iterable[OmissionRow]) -> Iterator[OmissionRow]:
    """All that point, since a release must not lose evidence, and the first of all others."""
    others = 0
    for row in kept:
        if is_pointing(row.reason, row.target, row.address):
            yield row
        elif others < MOST_OMISSIONS:
            others += 1
            yield row


def pairs_of(held: HeldTransfer) -> Iterator[Pair]:
    """Address and name of every host in the transfer, sorted as text."""
    unpacker, rest = zlib.decompressobj(), b""
    data = memoryview(held.hosts)
    for start in range(0, len(data), PIECE):
        text = rest + unpacker.decompress(data[start : start + PIECE])
        *lines, rest = text.split(b"\n")
        for line in lines:
            address, _space, name = line.decode("ascii").partition(" ")
            yield address, name


def sorted_pairs(
    table: str, where: str = "true", values: list[Any] | None = None
) -> Iterator[Pair]:
    """Address and name of every row in the table, sorted as text; read piece by piece."""
    query = SORTED[connection.vendor].format(table=table, where=where)
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, values)
        while rows := cursor.fetchmany(FETCH):
            yield from rows


def difference(held: HeldTransfer) -> Iterator[tuple[Literal["+", "-"], str, str]]:
    """What a release would add and remove now, sorted by the address as text."""
    stored = sorted_pairs("whitelist_host", "zone_id = %s", [held.zone_id])
    both = merge(((pair, "-") for pair in stored), ((pair, "+") for pair in pairs_of(held)))
    for pair, sides in groupby(both, key=itemgetter(0)):
        signs = [sign for _pair, sign in sides]
        if len(signs) == 1:
            yield "+" if signs == ["+"] else "-", *pair


def do_release(
    zone: Zone, *, serial: int | None, digest: str, actor: Actor, at: datetime
) -> Changes:
    """Apply exactly the held transfer of that serial and digest, without the guard.

    Raises `ChangedMeanwhileError`: then nothing has changed.
    """
    looked_at = HeldTransfer.objects.filter(zone=zone).first()
    rows = rows_of(pairs_of(check_same(looked_at, serial, digest)))
    with staged_hosts(rows) as count, transaction.atomic():
        zone = Zone.objects.select_for_update().get(pk=zone.pk)
        held = check_same(HeldTransfer.objects.filter(zone=zone).first(), serial, digest)
        found = difference_of_all(zone, whole=True, at=at)
        removed, added = do_apply_difference(zone, found, at=at)
        do_store_content(zone, held, count, at)
        record(AuditAction.TRANSFER_RELEASED, held, actor=actor, at=at)
        held.delete()
    lost, hit = found.addresses_lost, found.entries_hit
    return Changes(added, 0, removed, count - added, lost, hit)


def do_store_content(zone: Zone, held: HeldTransfer, count: int, at: datetime) -> None:
    content = dict(held.content)
    counts, kept = content.pop("left_out"), content.pop("omissions")
    content["cuts"], content["renamed"] = frozenset(content["cuts"]), frozenset(content["renamed"])
    source = Source(zone.name, ZoneKind(zone.kind), zone.view, held.serial)
    do_store_source(zone, replace(source, **content), hosts=count, whole=True, at=at)
    do_store_omissions(zone, counts, (OmissionRow(*row) for row in kept))


def do_supersede(zone: Zone, *, actor: Actor, at: datetime) -> None:
    """Drop what is held of a locked zone: newer content has passed the guard."""
    for held in HeldTransfer.objects.filter(zone=zone).defer("hosts"):
        record(AuditAction.TRANSFER_DROPPED, held, actor=actor, at=at)
        held.delete()


def check_same(held: HeldTransfer | None, serial: int | None, digest: str) -> HeldTransfer:
    if held is None or (held.serial, held.digest) != (serial, digest):
        raise ChangedMeanwhileError
    return held


def record(action: AuditAction, held: HeldTransfer, *, actor: Actor, at: datetime) -> None:
    numbers = ("added", "removed", "addresses_before", "addresses_lost", "entries_hit")
    after = {name: getattr(held, name) for name in ("serial", "digest", *numbers)}
    audit.record(
        action, actor=actor, at=at, reason=str(held.zone), after={"why": held.reason, **after}
    )
