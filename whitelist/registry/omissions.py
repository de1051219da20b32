"""Records of a zone that register nobody: how many for which reason, and which ones. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from whitelist.addresses import AddressError
from whitelist.registry.classify import MALFORMED, LeftOut, canonical_rdata
from whitelist.registry.reverse_names import is_reverse_name, meant_address

MOST_KEPT = 5_000
MOST_POINTING = 65_536
"""Of records that point, which decide about registrations: a /16 of addresses in a zone."""


class Omission(NamedTuple):
    """One record that was left out; names absolute, in lower case, without final dot.

    `address` is the one that the record was evidently meant for, canonical, or None.
    """

    reason: LeftOut
    owner: str
    type: str
    target: str
    address: str | None

    @classmethod
    def of(cls, reason: LeftOut, owner: str, kind: str, target: str) -> Omission:
        return cls(reason, owner, kind, target, meant_for(owner, kind, target))


def meant_for(owner: str, kind: str, target: str) -> str | None:
    """The address that a record says something of, as far as its spelling lets us tell."""
    if kind not in {"A", "AAAA"}:
        return meant_address(owner)
    try:
        return canonical_rdata(kind, target)
    except AddressError:
        return None


def is_pointing(reason: str, target: str, address: str | None) -> bool:
    """Whether such a record is evidence together with another one, see `registry.aliases`: a
    pointer outside the reverse tree, or an alias that leads from an address's name out of it.
    """
    if reason == LeftOut.ALIAS:
        return address is not None and not is_reverse_name(target)
    return reason == LeftOut.WRONG_TREE


class Share(Enum):
    """Kinds of omissions that must not crowd each other out, with how many are kept of each."""

    MALFORMED = "malformed", MOST_KEPT
    POINTING = "pointing", MOST_POINTING
    OTHER = "other", MOST_KEPT

    @property
    def most(self) -> int:
        return self.value[1]

    @classmethod
    def of(cls, omission: Omission) -> Share:
        if omission.reason in MALFORMED:
            return cls.MALFORMED
        pointing = is_pointing(omission.reason, omission.target, omission.address)
        return cls.POINTING if pointing else cls.OTHER


@dataclass
class Omissions:
    """Counts every omission, and keeps the first ones of each share."""

    counts: Counter[LeftOut] = field(default_factory=Counter)
    kept: list[Omission] = field(default_factory=list)
    kept_of: Counter[Share] = field(default_factory=Counter)

    def add(self, omission: Omission) -> None:
        self.counts[omission.reason] += 1
        share = Share.of(omission)
        if self.kept_of[share] < share.most:
            self.kept_of[share] += 1
            self.kept.append(omission)

    def clear(self) -> None:
        self.counts.clear()
        self.kept.clear()
        self.kept_of.clear()
