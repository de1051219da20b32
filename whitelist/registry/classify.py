"""What does a record of a zone register? Pure: a record in, a host or a reason out."""

from __future__ import annotations

from enum import StrEnum

from whitelist.addresses import AddressError, NotOneComputerError, parse_address
from whitelist.registry.generated import is_generated
from whitelist.registry.names import is_hostname
from whitelist.registry.reverse_names import is_reverse_name, plain_ipv4, reverse_address

__all__ = ["LeftOut", "forward_host", "is_generated", "reverse_host"]


class LeftOut(StrEnum):
    """Why a record of a zone registers no host; the value is how a report says it."""

    ALIAS = "alias"
    GENERATED = "made by $GENERATE"
    NOT_A_COMPUTER = "not the address of one computer"
    NOT_A_HOSTNAME = "not a host's name"
    NOT_AN_ADDRESS = "owner is no address"
    OCCLUDED = "below a zone cut"
    OUT_OF_ZONE = "out of zone"
    UNFINISHED_TARGET = "target without final dot"
    WILDCARD = "wildcard"
    WRONG_TREE = "PTR outside a reverse zone"


Host = tuple[str, str]


def forward_host(owner: str, kind: str, address: str) -> Host | LeftOut:
    """Address and name that an A or AAAA record states.

    `owner` is absolute, in lower case, without final dot. Raises `AddressError` where `address`
    is not the spelling of an address of that kind: no name server loads such a record.
    """
    if not (owner.isascii() and is_hostname(owner)):
        return LeftOut.WILDCARD if "*" in owner.split(".") else LeftOut.NOT_A_HOSTNAME
    text = canonical_rdata(kind, address)
    return (text, owner) if text else LeftOut.NOT_A_COMPUTER


def canonical_rdata(kind: str, text: str) -> str | None:
    """The canonical address; None for one that is not one computer's."""
    if kind == "A" and plain_ipv4(text):
        return text
    if (":" in text) != (kind == "AAAA"):
        raise AddressError(f"not an address of a record {kind}: {text[:60]!r}")
    try:
        address = parse_address(text)
    except NotOneComputerError:
        return None
    return str(address) if address.version == (6 if kind == "AAAA" else 4) else None


def reverse_host(owner: str, target: str) -> Host | LeftOut:
    """Address and name that a PTR record states; both names absolute, without final dot."""
    address = reverse_address(owner)
    if address is None:
        return LeftOut.WILDCARD if owner.startswith("*.") else LeftOut.NOT_AN_ADDRESS
    if not (target.isascii() and is_hostname(target)):
        return LeftOut.NOT_A_HOSTNAME
    if is_reverse_name(target):
        return LeftOut.UNFINISHED_TARGET
    return address, target
