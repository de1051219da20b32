"""Unit network admins: who is confined to which units, and which addresses are those units'.

An address belongs to the unit of the most specific network around it, so that a network of
another unit inside one's own is not one's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, summarize_address_range
from typing import Any, cast

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q

from whitelist.addresses import MAPPED_OFFSET, IPAddress, IPNetwork
from whitelist.models import Network, UnitMembership
from whitelist.registry.lookup import find_network

GROUP = "Unit network admins"
Span = tuple[int, int]


def units_of(user: User | AnonymousUser) -> frozenset[str] | None:
    """The units that a user of the back office is confined to; None is not confined.

    Who is in the group without any unit is confined to nothing at all. Two queries at most;
    the user object keeps the answer, and lives as long as a request.
    """
    if isinstance(user, AnonymousUser) or user.is_superuser:
        return None
    if not hasattr(user, "confined_to"):
        memberships = UnitMembership.objects.filter(user=user)
        units = frozenset(memberships.values_list("unit", flat=True))
        is_confined = bool(units) or user.groups.filter(name=GROUP).exists()
        # Networks of no unit are nobody's.
        cast(Any, user).confined_to = units - {""} if is_confined else None
    return cast("frozenset[str] | None", cast(Any, user).confined_to)


def is_of_units(address: IPAddress, units: frozenset[str]) -> bool:
    network = find_network(address)
    return network is not None and network.unit in units


def in_units(units: frozenset[str]) -> Q:
    """The condition that a row's `address` is one of these units'; one query to work it out."""
    condition = Q(pk__in=())
    for cidr in cidrs_of(units):
        condition |= Q(address__within=str(cidr))
    return condition


def cidrs_of(units: frozenset[str]) -> list[IPNetwork]:
    """Disjoint CIDRs that hold exactly the addresses of these units."""
    # All of them: there are thousands, and a database is slow to find what lies inside what.
    rows = list(
        Network.objects.order_by("lo", "prefixlen").values_list("family", "lo", "hi", "unit")
    )
    networks = {
        family: [
            (int(lo, 16), int(hi, 16), unit in units) for f, lo, hi, unit in rows if f == family
        ]
        for family in (4, 6)
    }
    found: list[IPNetwork] = []
    for first, last in merged(own_spans(networks[4])):
        span = IPv4Address(first - MAPPED_OFFSET), IPv4Address(last - MAPPED_OFFSET)
        found += summarize_address_range(*span)
    for first, last in merged(own_spans(networks[6])):
        found += summarize_address_range(IPv6Address(first), IPv6Address(last))
    return found


def own_spans(networks: Iterable[tuple[int, int, bool]]) -> Iterator[Span]:
    """Spans (first, last) whose most specific network is one's own.

    `networks` nest, and come by their first address, wider ones first.
    """
    around: list[tuple[int, bool]] = []  # (last, own), the most specific at the end
    position = 0

    def up_to(last: int) -> Iterator[Span]:
        if around and around[-1][1] and position <= last:
            yield position, last

    for first, last, own in networks:
        while around and around[-1][0] < first:
            yield from up_to(around[-1][0])
            position = around.pop()[0] + 1
        yield from up_to(first - 1)
        position = first
        around.append((last, own))
    while around:
        yield from up_to(around[-1][0])
        position = max(position, around.pop()[0] + 1)


def merged(spans: Iterable[Span]) -> Iterator[Span]:
    """The same, in order, with those joined that touch."""
    last: Span | None = None
    for span in spans:
        if last is not None and span[0] == last[1] + 1:
            last = last[0], span[1]
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last
