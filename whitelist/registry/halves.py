"""What zones say of an address, as evidence: one name each, from one half of the name space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from whitelist.models.host import Host
from whitelist.models.zone import Zone, ZoneKind


@dataclass(frozen=True)
class Half:
    """A name of the address, and which half of a registration it is; of a list, a whole one.

    `zones` are all that it rests on, the one that has the record first. `since` is None where
    it was there at the first loading, or where nobody knows.
    """

    name: str
    kind: ZoneKind
    zones: tuple[Zone, ...]
    unit: str = ""
    contact: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, host: Host) -> Half:
        return cls(
            host.name,
            ZoneKind(host.zone.kind),
            (host.zone,),
            host.unit,
            host.contact,
            host.first_seen_at,
            host.until,
        )

    @property
    def zone(self) -> Zone:
        return self.zones[0]

    @property
    def is_listed(self) -> bool:
        return self.kind == ZoneKind.LIST


@dataclass(frozen=True)
class Alias:
    """An alias that leads from the address's name in a reverse zone out of the reverse tree."""

    zone: Zone
    target: str


@dataclass(frozen=True)
class Evidence:
    """All that is said of an address, in every view."""

    halves: Sequence[Half]
    aliases: Sequence[Alias] = ()

    @property
    def zones(self) -> list[Zone]:
        """The DNS zones that say it."""
        said = [zone for half in self.halves if not half.is_listed for zone in half.zones]
        return [*said, *(alias.zone for alias in self.aliases)]

    @property
    def names(self) -> list[str]:
        """The names whose zones have a say in it."""
        named = [half.name for half in self.halves if not half.is_listed]
        return [*named, *(alias.target for alias in self.aliases)]
