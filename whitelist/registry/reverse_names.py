"""Names under in-addr.arpa and ip6.arpa ↔ addresses. Pure; for a million names in seconds."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache

from whitelist.addresses import AddressError, IPAddress, parse_address

IPV4_TREE = "in-addr.arpa"
IPV6_TREE = "ip6.arpa"
TREES = ("." + IPV4_TREE, "." + IPV6_TREE)
OCTETS = frozenset(str(number) for number in range(256))
# First octets whose every address is one computer's; others are left to `parse_address`.
UNICAST = frozenset(str(number) for number in range(1, 224))
NIBBLES = frozenset("0123456789abcdef")
# RFC 2317: `0/27`, `0-27` (first address and prefix length) or `0-31` (first and last address)
LEADING_ZEROS = re.compile(r"\b0+(?=[0-9])", re.ASCII)
CHILD = re.compile(r"([0-9]{1,3})([/-])([0-9]{1,3})", re.ASCII)


def is_reverse_name(name: str) -> bool:
    """Whether a name (lower case, no final dot) lies in a tree of addresses."""
    return name.endswith(TREES) or name in {IPV4_TREE, IPV6_TREE}


def reverse_address(owner: str) -> str | None:
    """The canonical address that a reverse name stands for, or None.

    `154.64.114.140.in-addr.arpa`, the same below an RFC 2317 child of the /24 that covers the
    address, and 32 nibbles below ip6.arpa. Octets with leading zeros stand for nothing.
    """
    octet, _dot, block = owner.partition(".")
    if octet in OCTETS and (octets := first_octets(block)):
        return octets + octet
    labels = owner.split(".")
    if owner.endswith("." + IPV4_TREE):
        del labels[-2:]
        if len(labels) == 5 and covers(labels[1], labels[0]):
            del labels[1]
        if len(labels) != 4 or not OCTETS.issuperset(labels):
            return None
        labels.reverse()
        text = ".".join(labels)
        return text if labels[0] in UNICAST else one_computer(text)
    if not owner.endswith("." + IPV6_TREE) or len(labels) != 34:
        return None
    nibbles = labels[:32]
    if not NIBBLES.issuperset(nibbles):
        return None
    digits = "".join(reversed(nibbles))
    return one_computer(":".join(digits[index : index + 4] for index in range(0, 32, 4)))


def plain_ipv4(text: str) -> bool:
    """Whether the text is an IPv4 address that `parse_address` would return unchanged.

    Five times as fast, which counts for a million of them; False decides nothing.
    """
    labels = text.split(".")
    return len(labels) == 4 and labels[0] in UNICAST and OCTETS.issuperset(labels)


@lru_cache(maxsize=4_096)
def first_octets(block: str) -> str:
    """`140.114.64.` for the reverse name of a whole /24 of computers, else nothing.

    Kept, since the names of a zone share few blocks.
    """
    labels = block.split(".")
    if len(labels) != 5 or not block.endswith("." + IPV4_TREE):
        return ""
    third, second, first, *_tree = labels
    plain = first in UNICAST and second in OCTETS and third in OCTETS
    return f"{first}.{second}.{third}." if plain else ""


def meant_address(owner: str) -> str | None:
    """The address that a reverse name, right or wrong, was evidently meant for; None if unclear.

    Two mistakes leave no doubt: octets with leading zeros, and the whole reverse name before
    the zone's, of an owner that was written without its final dot.
    """
    for tree in TREES:
        head, found, rest = owner.partition(tree)
        if found and rest[:1] in {"", "."}:
            return reverse_address(head + tree) or reverse_address(
                LEADING_ZEROS.sub("", head) + tree
            )
    return None


def one_computer(text: str) -> str | None:
    """The canonical address of one computer; an IPv4-mapped one stands for nothing here."""
    try:
        address = parse_address(text)
    except AddressError:
        return None
    return str(address) if (":" in text) == (address.version == 6) else None


def covers(child: str, octet: str) -> bool:
    """Whether an RFC 2317 label (`128/25`, `128-25`, `128-255`) is for this last octet.

    `0-31` can be meant as a range and as a prefix length: both readings are let in.
    """
    match = CHILD.fullmatch(child)
    if match is None or octet not in OCTETS:
        return False
    first, end, number = int(match[1]), int(match[3]), int(octet)
    if match[2] == "-" and first <= number <= end <= 255:
        return True
    if not 24 < end <= 32:
        return False
    size = 1 << (32 - end)
    return first % size == 0 and first <= number < first + size


def is_in_child(owner: str) -> bool:
    """Whether a name is an address's spelling in an RFC 2317 child: `20.0/27.64.114.140…`."""
    labels = owner.split(".")
    return (
        len(labels) == 7
        and owner.endswith("." + IPV4_TREE)
        and CHILD.fullmatch(labels[1]) is not None
    )


def reverse_zone_names(address: IPAddress) -> Iterator[str]:
    """Every zone that could hold the address's PTR record, closest first.

    For IPv4 the RFC 2317 children, in the spellings that `covers` knows, lie closest, since
    they are delegated below the /24.
    """
    pointer = address.reverse_pointer
    if isinstance(address, ipaddress.IPv4Address):
        octet, _dot, block = pointer.partition(".")
        for length in range(31, 24, -1):
            size = 1 << (32 - length)
            first = int(octet) // size * size
            for child in (f"{first}/{length}", f"{first}-{length}", f"{first}-{first + size - 1}"):
                yield f"{child}.{block}"
    yield from ancestors(pointer)


def ancestors(name: str) -> Iterator[str]:
    """The name and every domain above it: `a.b.c` → `a.b.c`, `b.c`, `c`."""
    while name:
        yield name
        name = name.partition(".")[2]
