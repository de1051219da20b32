"""Which zones speak for an address or a name: the closest around it, in each view."""

from __future__ import annotations

from collections.abc import Iterable

from whitelist.addresses import IPAddress, parse_address
from whitelist.models.registration import LiveAnswer
from whitelist.models.zone import Zone, ZoneKind, ZoneQuerySet
from whitelist.registry.agreement import is_seen, views_of
from whitelist.registry.halves import Alias
from whitelist.registry.reverse_names import ancestors, reverse_zone_names


def stored_zones(address: IPAddress, names: Iterable[str] = ()) -> ZoneQuerySet:
    """Every DNS zone around the address or one of the names, near or far."""
    wanted = set(reverse_zone_names(address))
    for name in names:
        wanted.update(ancestors(name))
    return Zone.objects.filter(name__in=wanted).exclude(kind=ZoneKind.LIST)


def speaking_zones(address: IPAddress, names: Iterable[str], zones: Iterable[Zone]) -> list[Zone]:
    """Of these zones those that speak for the address or a name in any view, once each."""
    stored = list(zones)
    searched = [list(reverse_zone_names(address)), *(list(ancestors(name)) for name in names)]
    found: dict[int, Zone] = {}
    for view in views_of(stored):
        for closest_first in searched:
            zone = speaker(closest_first, stored, view)
            if zone is not None:
                found[zone.pk] = zone
    return list(found.values())


def speaker(closest_first: Iterable[str], zones: Iterable[Zone], view: str) -> Zone | None:
    """The closest zone that the view sees."""
    stored = list(zones)
    own = {zone.name for zone in stored if zone.view == view}
    seen = {zone.name: zone for zone in stored if is_seen(zone, view, own)}
    return next((seen[name] for name in closest_first if name in seen), None)


def zones_of_answer(answer: LiveAnswer, aliases: Iterable[Alias]) -> list[Zone]:
    """The zones that speak for what a live answer is about, of an address with these aliases."""
    address = parse_address(answer.address)
    names = [*answer.names, *(alias.target for alias in aliases)]
    return speaking_zones(address, names, stored_zones(address, names))
