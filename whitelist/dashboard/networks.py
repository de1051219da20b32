"""What was asked for by address, summed up by network. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from whitelist.addresses import order_key, parse_address

Network = tuple[int, str, str, str, str]
NOWHERE: Network = (0, "", "", "", "")
# How the key of every IPv4 address begins: the IPv6 address that it is mapped to.
IPV4 = "0" * 20 + "ffff"


@dataclass(frozen=True)
class NetworkUse:
    """Of one network of the registry; without key and CIDR: of all addresses in none."""

    pk: int
    cidr: str
    unit: str
    requests: int
    refused: int


def by_network(
    uses: Iterable[tuple[str, int, int]], networks: Sequence[Network], most: int
) -> list[NetworkUse]:
    """So many networks with most requests; an address counts to the most specific around it.

    `uses`: (address, requests, refused); `networks`: (key, CIDR, unit, lo, hi), by lo, wider
    ones first. CIDRs nest, so that one walk along both, in their order, finds them all.
    """
    sums: dict[Network, tuple[int, int]] = {}
    around: list[Network] = []
    place = 0
    for key, requests, refused in sorted(
        (order_key(parse_address(address)), asked, no) for address, asked, no in uses
    ):
        while place < len(networks) and networks[place][3] <= key:
            around = [*enclosing(around, networks[place][3]), networks[place]]
            place += 1
        around = enclosing(around, key)
        own = most_specific(around, is_ipv4=key.startswith(IPV4))
        before = sums.get(own, (0, 0))
        sums[own] = before[0] + requests, before[1] + refused
    found = [NetworkUse(*network[:3], *counts) for network, counts in sums.items()]
    return sorted(found, key=lambda use: (-use.requests, use.cidr))[:most]


def enclosing(around: list[Network], key: str) -> list[Network]:
    """Those that a key is not beyond."""
    return [network for network in around if network[4] >= key]


def most_specific(around: list[Network], *, is_ipv4: bool) -> Network:
    """Of one family: the keys of `::/0` hold those of IPv4 addresses, its addresses do not."""
    same = (network for network in reversed(around) if (":" not in network[1]) is is_ipv4)
    return next(same, NOWHERE)
