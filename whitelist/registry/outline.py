"""What a zone is, and what a record of it registers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from whitelist.models.zone import ZoneKind
from whitelist.registry.classify import Host, LeftOut, forward_host, reverse_host
from whitelist.registry.reverse_names import ancestors, is_reverse_name

REVERSE_TYPES = frozenset({"PTR", "CNAME"})
FORWARD_TYPES = frozenset({"A", "AAAA", "PTR", "CNAME"})
MOST_DOMAINS = 10_000


@dataclass(frozen=True)
class Outline:
    """A zone's apex, its serial, and where other zones begin.

    `cuts` are delegated (NS) and lie below the apex, `renamed` moved away (DNAME), the apex
    perhaps itself. Names are absolute, in lower case, without final dot.
    """

    apex: str
    serial: int | None
    cuts: frozenset[str] = frozenset()
    renamed: frozenset[str] = frozenset()
    occluded_domains: dict[str, bool] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def kind(self) -> ZoneKind:
        return ZoneKind.REVERSE if is_reverse_name(self.apex) else ZoneKind.FORWARD

    @cached_property
    def suffix(self) -> str:
        return "." + self.apex

    @cached_property
    def borders(self) -> frozenset[str]:
        return self.cuts | self.renamed

    @cached_property
    def types(self) -> frozenset[str]:
        """The types of record that state hosts, or might seem to; others are not looked at."""
        return REVERSE_TYPES if self.kind == ZoneKind.REVERSE else FORWARD_TYPES

    def contains(self, owner: str) -> bool:
        return owner.endswith(self.suffix) or owner == self.apex

    def speaks_for(self, owner: str) -> bool:
        return self.contains(owner) and not self.occludes(owner)

    def occludes(self, owner: str) -> bool:
        """Whether this zone does not speak for the owner: it lies at or below a cut."""
        if not self.borders:
            return False
        return owner in self.cuts or self.occludes_below(owner.partition(".")[2])

    def occludes_below(self, domain: str) -> bool:
        """Whether names below the domain are another zone's.

        Remembered, since most names share few domains; not without bound, since some do not.
        """
        known = self.occluded_domains
        if domain not in known:
            if len(known) >= MOST_DOMAINS:
                known.clear()
            known[domain] = not self.borders.isdisjoint(ancestors(domain))
        return known[domain]

    def host(self, owner: str, kind: str, target: str) -> Host | LeftOut:
        """What a record of one of the `types` registers, or why it registers nobody.

        Raises `AddressError` as `forward_host` does.
        """
        if not self.contains(owner):
            return LeftOut.OUT_OF_ZONE
        if self.occludes(owner):
            return LeftOut.OCCLUDED
        if kind == "CNAME":
            return LeftOut.ALIAS
        if kind != "PTR":
            return forward_host(owner, kind, target)
        if self.kind == ZoneKind.FORWARD:
            return LeftOut.WRONG_TREE
        return reverse_host(owner, target)
