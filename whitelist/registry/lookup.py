"""Is this address registered? The service's second gate, answered from the registry alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from whitelist.addresses import IPAddress
from whitelist.models.host import Host
from whitelist.models.network import Network
from whitelist.models.service_settings import RegistrationRule
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.classify import is_generated


class Unregistered(StrEnum):
    """Why an address does not count as registered."""

    NO_NAME = "no_name"
    NEEDS_FORWARD = "needs_forward"
    NEEDS_REVERSE = "needs_reverse"
    GENERATED_NAME = "generated_name"


@dataclass(frozen=True)
class NamePolicy:
    """What counts as a registered name.

    `suffixes` are lower case without a leading dot; none means that any name may count.
    """

    rule: RegistrationRule = RegistrationRule.AGREEING
    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Registration:
    """The name under which the address is registered, and the zone that says so."""

    name: str
    zone: str
    unit: str = ""
    contact: str = ""


class NotRegistered(Exception):
    """The address has no name that counts; `name` is the best one that was seen."""

    def __init__(self, reason: Unregistered, name: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.name = name


def find_network(address: IPAddress) -> Network | None:
    """The most specific network that contains the address; None is off campus."""
    return Network.objects.containing(address).first()


def check_registered(address: IPAddress, policy: NamePolicy) -> Registration:
    """The registration of the address, or `NotRegistered` with the reason.

    Names of a list count by themselves. Names of DNS zones must be ours, and count as the
    rule says: by default forward and reverse agree wherever both zones are known.
    """
    hosts = list(
        Host.objects.filter(address=str(address)).select_related("zone").order_by("name", "zone_id")
    )
    listed = [host for host in hosts if host.zone.kind == ZoneKind.LIST]
    found = listed + dns_names(address, hosts, policy)
    for host in found:
        if not is_generated(host.name, address):
            return Registration(host.name, host.zone.name, host.unit, host.contact)
    if found:
        raise NotRegistered(Unregistered.GENERATED_NAME, found[0].name)
    raise NotRegistered(*missing_half(address, hosts, policy))


def dns_names(address: IPAddress, hosts: list[Host], policy: NamePolicy) -> list[Host]:
    """The hosts of DNS zones that count under the rule, reverse ones first."""
    reverse = ours([host for host in hosts if host.zone.kind == ZoneKind.REVERSE], policy)
    forward = ours([host for host in hosts if host.zone.kind == ZoneKind.FORWARD], policy)
    if policy.rule == RegistrationRule.REVERSE:
        return reverse
    if policy.rule == RegistrationRule.FORWARD:
        return forward
    forward_names = {host.name for host in forward}
    agreeing = [
        host for host in reverse if host.name in forward_names or not forward_zone_known(host.name)
    ]
    if forward and not reverse_zone_known(address):
        agreeing += forward
    return agreeing


def missing_half(
    address: IPAddress, hosts: list[Host], policy: NamePolicy
) -> tuple[Unregistered, str]:
    """Which half of the registration is missing, and the name that has the other half."""
    named = {
        kind: [host.name for host in ours(hosts, policy) if host.zone.kind == kind]
        for kind in (ZoneKind.REVERSE, ZoneKind.FORWARD)
    }
    if named[ZoneKind.REVERSE]:
        return Unregistered.NEEDS_FORWARD, named[ZoneKind.REVERSE][0]
    if named[ZoneKind.FORWARD]:
        return Unregistered.NEEDS_REVERSE, named[ZoneKind.FORWARD][0]
    return Unregistered.NO_NAME, ""


def ours(hosts: list[Host], policy: NamePolicy) -> list[Host]:
    """Hosts whose names end in an allowed suffix, or lie in a forward zone that we hold."""
    if not policy.suffixes:
        return hosts
    return [
        host
        for host in hosts
        if any(name in policy.suffixes for name in ancestors(host.name))
        or host.zone.kind == ZoneKind.FORWARD
        or forward_zone_known(host.name)
    ]


def forward_zone_known(name: str) -> bool:
    return Zone.objects.filter(kind=ZoneKind.FORWARD, name__in=ancestors(name)).exists()


def reverse_zone_known(address: IPAddress) -> bool:
    return Zone.objects.filter(
        kind=ZoneKind.REVERSE, name__in=ancestors(address.reverse_pointer)
    ).exists()


def ancestors(name: str) -> Iterable[str]:
    """The name and every domain above it: `a.b.c` → `a.b.c`, `b.c`, `c`."""
    labels = name.split(".")
    return [".".join(labels[index:]) for index in range(len(labels))]
