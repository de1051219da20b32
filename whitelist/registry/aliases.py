"""Reverse names whose PTR record is in a forward zone, where an alias leads to it (RFC 2317).

`5.64.114.140.in-addr.arpa CNAME 5.rev.ee.nthu.edu.tw` in the reverse zone, and `5 PTR …` in the
zone `rev.ee.nthu.edu.tw` or one above. Neither record registers anybody by itself, so both are
kept as omitted records. One alias is followed, never a chain of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from whitelist.addresses import IPAddress
from whitelist.models.host import OmittedRecord
from whitelist.models.zone import ZoneKind
from whitelist.registry.classify import LeftOut, target_fault
from whitelist.registry.halves import Alias, Evidence, Half
from whitelist.registry.reverse_names import reverse_address


def stored_aliases(address: IPAddress) -> QuerySet[OmittedRecord]:
    """The aliases that lead from the address out of the reverse tree, where a zone has hosts
    itself; and perhaps some whose owner is misspelled.
    """
    aliases = OmittedRecord.objects.filter(
        address=str(address), reason=LeftOut.ALIAS, zone__kind=ZoneKind.REVERSE
    )
    return aliases.exclude(target__endswith=".arpa").order_by()


def aliases_of(address: IPAddress) -> list[Alias]:
    return checked_aliases(address, with_zone(stored_aliases(address)))


def evidence_elsewhere(address: IPAddress) -> Evidence:
    """The address's aliases, and the reverse names at their targets; one query."""
    aliases = stored_aliases(address)
    pointers = OmittedRecord.objects.filter(
        reason=LeftOut.WRONG_TREE, owner__in=aliases.values("target")
    ).order_by()
    found = list(with_zone(aliases).union(with_zone(pointers), all=True))
    known = checked_aliases(address, found)
    halves = [
        Half(pointer.target, ZoneKind.REVERSE, (pointer.zone, alias.zone))
        for alias in known
        for pointer in found
        if pointer.reason == LeftOut.WRONG_TREE
        and pointer.owner == alias.target
        and target_fault(pointer.target) is None
    ]
    return Evidence(sorted(halves, key=lambda half: half.name), known)


def with_zone(records: QuerySet[OmittedRecord]) -> QuerySet[OmittedRecord]:
    """Without what can be long in a zone, and is of no use here."""
    return records.select_related("zone").defer("zone__cuts", "zone__renamed", "zone__left_out")


def checked_aliases(address: IPAddress, records: Iterable[OmittedRecord]) -> list[Alias]:
    """Those that stand at the address's own name."""
    return [
        Alias(record.zone, record.target)
        for record in records
        if record.reason == LeftOut.ALIAS and reverse_address(record.owner) == str(address)
    ]
