"""A zone as a name server transferred it → the hosts that it registers, or what changed in them.

Whatever the zone holds, an odd record is an omission: nothing in it can make a sync fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from whitelist.addresses import AddressError
from whitelist.registry.classify import Host, LeftOut
from whitelist.registry.omissions import Omission, Omissions
from whitelist.registry.outline import Outline
from whitelist.registry.reverse_names import is_in_child
from whitelist.registry.sources import HostRow

MOST_CHANGES = 50_000
"""A larger increment saves nothing beside the whole zone."""


class Record(Protocol):
    """A decoded record; names in lower case, absolute, without final dot, odd bytes `\\DDD`."""

    @property
    def owner(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def data(self) -> str: ...


RecordKey = tuple[str, str, str]
"""Owner, type, data: there is no other record of a zone with the same."""


class NeedsFullTransfer(Exception):
    """The changes cannot be applied by themselves; the text says why, for logs."""


@dataclass
class Delta:
    """What an increment comes to: hosts (address, name) and omissions, gone and new."""

    removed: list[Host] = field(default_factory=list)
    added: list[Host] = field(default_factory=list)
    omitted_removed: list[Omission] = field(default_factory=list)
    omitted_added: list[Omission] = field(default_factory=list)


def full_hosts(
    records: Iterable[Record], outline: Outline, omissions: Omissions
) -> Iterator[HostRow]:
    """The hosts of a whole zone; what registers nobody goes to `omissions`.

    A host can come twice, where two owners are spellings of one address. Rows have no line.
    """
    types = outline.types
    for record in records:
        owner, kind, data = record.owner, record.type, record.data
        if kind not in types:
            continue
        host = host_of(outline, owner, kind, data)
        if isinstance(host, LeftOut):
            omissions.add(Omission.of(host, owner, kind, data))
        else:
            yield HostRow(host[0], host[1], None, None, 0)


def incremental(changes: Iterable[tuple[bool, Record]], outline: Outline) -> Delta:
    """What `changes` (added or not, record) come to, net of all; `outline` is what we hold.

    Raises `NeedsFullTransfer` where they change more than the hosts of their own records.

    One case cannot be seen in them: that a record is removed while another one, whose owner is
    the RFC 2317 spelling of the same address, still states the same host. The next full
    transfer sets that right.
    """
    delta = Delta()
    for (owner, kind, data), added in net_changes(changes, outline).items():
        host = host_of(outline, owner, kind, data)
        if isinstance(host, LeftOut):
            omission = Omission.of(host, owner, kind, data)
            (delta.omitted_added if added else delta.omitted_removed).append(omission)
        else:
            (delta.added if added else delta.removed).append(host)
    return delta


def host_of(outline: Outline, owner: str, kind: str, data: str) -> Host | LeftOut:
    try:
        return outline.host(owner, kind, data)
    except AddressError:
        return LeftOut.NOT_A_COMPUTER


def net_changes(changes: Iterable[tuple[bool, Record]], outline: Outline) -> dict[RecordKey, bool]:
    """The records that are there afterwards and were not before (True), or the reverse."""
    first: dict[RecordKey, bool] = {}
    last: dict[RecordKey, bool] = {}
    for count, (added, record) in enumerate(changes, start=1):
        if count > MOST_CHANGES:
            raise NeedsFullTransfer(f"more than {MOST_CHANGES} changes")
        check_apart(record, outline)
        if record.type not in outline.types:
            continue
        key = record.owner, record.type, record.data
        if last.get(key) is added:
            raise NeedsFullTransfer(
                f"{' '.join(key)[:300]} is {'added' if added else 'removed'} twice"
            )
        first.setdefault(key, added)
        last[key] = added
    return {key: added for key, added in last.items() if first[key] is added}


def check_apart(record: Record, outline: Outline) -> None:
    """Raises `NeedsFullTransfer` where the record bears on hosts of other records."""
    owner = record.owner
    if not outline.contains(owner):
        return
    if record.type == "DNAME" or (record.type == "NS" and owner != outline.apex):
        raise NeedsFullTransfer(f"a zone cut changes at {owner[:300]}")
    # Plain and child spelling mean one address; an alias takes the place of the plain one.
    name = {"PTR": owner, "CNAME": record.data}.get(record.type, "")
    if is_in_child(name) and not is_in_child("0." + outline.apex) and outline.speaks_for(name):
        raise NeedsFullTransfer(f"a second spelling of an address: {name[:300]}")
