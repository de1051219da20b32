"""What does a record of a zone register? Pure: a record in, a host or a reason out."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from whitelist.addresses import AddressError, IPAddress, NotOneComputerError, parse_address
from whitelist.registry.generated import is_generated
from whitelist.registry.names import is_hostname, is_placeholder
from whitelist.registry.reverse_names import is_reverse_name, plain_ipv4, reverse_address

__all__ = [
    "MALFORMED",
    "LeftOut",
    "forward_host",
    "is_generated",
    "names_nobody",
    "reverse_host",
    "target_fault",
]


class LeftOut(StrEnum):
    """Why a record of a zone registers no host.

    The value is a code that is stored; `phrase` is how a report in English says it, `label`
    the same in the reader's language.
    """

    phrase: str

    ALIAS = "alias", _("alias")
    GENERATED = "generated", _("made by $GENERATE")
    NOT_A_COMPUTER = "not_a_computer", _("not the address of one computer")
    NOT_A_HOSTNAME = "not_a_hostname", _("not a host's name")
    NOT_AN_ADDRESS = "not_an_address", _("owner is no address")
    OCCLUDED = "occluded", _("below a zone cut")
    OUT_OF_ZONE = "out_of_zone", _("out of zone")
    PLACEHOLDER = "placeholder", _("placeholder that names nobody")
    UNFINISHED_TARGET = "unfinished_target", _("target without final dot")
    WILDCARD = "wildcard", _("wildcard")
    WRONG_TREE = "wrong_tree", _("PTR outside a reverse zone")

    def __new__(cls, code: str, phrase: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.phrase = phrase
        return member

    @property
    def label(self) -> str:
        return gettext(self.phrase)


MALFORMED = frozenset({LeftOut.NOT_A_HOSTNAME, LeftOut.NOT_AN_ADDRESS, LeftOut.UNFINISHED_TARGET})
"""Somebody meant to register a host with such a record, and it has a mistake."""

Host = tuple[str, str]


def forward_host(owner: str, kind: str, address: str) -> Host | LeftOut:
    """Address and name that an A or AAAA record states.

    `owner` is absolute, in lower case, without final dot. Raises `AddressError` where `address`
    is not the spelling of an address of that kind: no name server loads such a record.
    """
    if not (owner.isascii() and is_hostname(owner)):
        return LeftOut.WILDCARD if "*" in owner.split(".") else LeftOut.NOT_A_HOSTNAME
    text = canonical_rdata(kind, address)
    if text is None:
        return LeftOut.NOT_A_COMPUTER
    return LeftOut.PLACEHOLDER if is_placeholder(owner) else (text, owner)


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
    return target_fault(target) or (address, target)


def target_fault(target: str) -> LeftOut | None:
    """Why the target of a PTR record registers nobody, if so."""
    if not (target.isascii() and is_hostname(target)):
        return LeftOut.NOT_A_HOSTNAME
    if is_placeholder(target):
        return LeftOut.PLACEHOLDER
    return LeftOut.UNFINISHED_TARGET if is_reverse_name(target) else None


def names_nobody(name: str, address: IPAddress) -> bool:
    """Whether a host's name registers nobody: a machine made it, or it is a placeholder."""
    return is_placeholder(name) or is_generated(name, address)
