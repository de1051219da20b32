"""Records as a zone file has them: the missing one, the wrong one, the right one."""

from __future__ import annotations

import re

from whitelist.addresses import IPAddress
from whitelist.models.host import OmittedRecord
from whitelist.registry.names import is_hostname
from whitelist.registry.reverse_names import IPV4_TREE, IPV6_TREE, is_reverse_name, reverse_address

# What a zone adds to a name without its final dot, label by label from the end
ADDED = {
    IPV4_TREE: re.compile(r"[0-9]+(?:[/-][0-9]+)?", re.ASCII),
    IPV6_TREE: re.compile(r"[0-9a-f]", re.ASCII),
}


def address_record(name: str, address: IPAddress) -> str:
    return f"{name}. IN {'A' if address.version == 4 else 'AAAA'} {address}"


def pointer_record(address: IPAddress, name: str, *, owner: str = "") -> str:
    return f"{owner or address.reverse_pointer}. IN PTR {name}."


def wrong_record(record: OmittedRecord) -> str:
    """The record as its zone has it."""
    dot = "." if record.type == "PTR" else ""
    return f"{record.owner}. IN {record.type} {record.target}{dot}"


def right_record(record: OmittedRecord, address: IPAddress, *, otherwise: str) -> str:
    """What was meant, as far as the record tells; `otherwise` stands for a name that it hides."""
    if record.type != "PTR":
        name = record.owner if is_hostname(record.owner) else otherwise
        return address_record(name, address)
    is_own = reverse_address(record.owner) == str(address)
    name = finished(record.target)
    return pointer_record(
        address, name if is_hostname(name) else otherwise, owner=record.owner if is_own else ""
    )


def finished(target: str) -> str:
    """The name that a target without its final dot was before its zone's was added to it."""
    if not is_reverse_name(target):
        return target
    tree = IPV4_TREE if target.endswith(IPV4_TREE) else IPV6_TREE
    labels = target.removesuffix(tree).rstrip(".").split(".")
    while labels and ADDED[tree].fullmatch(labels[-1]):
        labels.pop()
    return ".".join(labels)
