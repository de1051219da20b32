"""Is this address registered? The service's second gate, answered from the registry alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Exists, OuterRef, Q

from whitelist.addresses import IPAddress
from whitelist.models.host import Host
from whitelist.models.network import Network
from whitelist.models.service_settings import RegistrationRule
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.classify import is_generated
from whitelist.registry.reverse_names import ancestors, reverse_zone_names

# Zones by name, and whether we hold what is in them.
KnownZones = dict[str, bool]


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
    rule says: by default forward and reverse agree wherever both zones are known. Generated
    names never count. One query, and one more where zones decide.
    """
    stored = Host.objects.filter(address=str(address)).select_related("zone")
    hosts = list(stored.order_by("name", "zone_id"))
    in_zones = [host for host in hosts if host.zone.kind != ZoneKind.LIST]
    zones = known_zones(address, in_zones) if in_zones else {}
    candidates = [host for host in hosts if is_ours(host, policy, zones)]
    named = [host for host in candidates if not is_generated(host.name, address)]
    counted = counting(address, named, policy, zones)
    if counted:
        host = counted[0]
        return Registration(host.name, host.zone.name, host.unit, host.contact)
    if candidates and not named:
        raise NotRegistered(Unregistered.GENERATED_NAME, candidates[0].name)
    raise NotRegistered(*missing_half(named))


def counting(
    address: IPAddress, named: list[Host], policy: NamePolicy, zones: KnownZones
) -> list[Host]:
    """The hosts that count under the rule: of lists, then of reverse zones, then of forward."""
    listed = of_kind(named, ZoneKind.LIST)
    reverse = of_kind(named, ZoneKind.REVERSE)
    forward = of_kind(named, ZoneKind.FORWARD)
    if policy.rule == RegistrationRule.REVERSE:
        return listed + reverse
    if policy.rule == RegistrationRule.FORWARD:
        return listed + forward
    forward_names = {host.name for host in forward}
    agreeing = listed + [
        host
        for host in reverse
        if host.name in forward_names or not is_known(zones, ancestors(host.name))
    ]
    if not is_known(zones, reverse_zone_names(address)):
        agreeing += forward
    return agreeing


def missing_half(named: list[Host]) -> tuple[Unregistered, str]:
    """Which half of the registration is missing, and the name that has the other half."""
    for kind, missing in (
        (ZoneKind.REVERSE, Unregistered.NEEDS_FORWARD),
        (ZoneKind.FORWARD, Unregistered.NEEDS_REVERSE),
    ):
        for host in of_kind(named, kind):
            return missing, host.name
    return Unregistered.NO_NAME, ""


def of_kind(hosts: list[Host], kind: ZoneKind) -> list[Host]:
    return [host for host in hosts if host.zone.kind == kind]


def is_ours(host: Host, policy: NamePolicy, zones: KnownZones) -> bool:
    """Whether the name ends in an allowed suffix, or lies in a forward zone that we hold.

    A list's names are stated by staff, and any may count.
    """
    if not policy.suffixes or host.zone.kind != ZoneKind.REVERSE:
        return True
    names = list(ancestors(host.name))
    return any(name in policy.suffixes for name in names) or is_known(zones, names)


def known_zones(address: IPAddress, hosts: list[Host]) -> KnownZones:
    """The zones that could hold the address's PTR record or the addresses of these names.

    A zone that is stored but was never loaded, and has no hosts, is one that another zone
    delegates: it exists, and we do not know what is in it.
    """
    names = set(reverse_zone_names(address))
    for host in hosts:
        names.update(ancestors(host.name))
    holds = Q(loaded_at__isnull=False) | Exists(Host.objects.filter(zone=OuterRef("pk")))
    zones = Zone.objects.filter(name__in=names).exclude(kind=ZoneKind.LIST).annotate(holds=holds)
    return dict(zones.values_list("name", "holds"))


def is_known(zones: KnownZones, closest_first: Iterable[str]) -> bool:
    """Whether the closest zone around a name, the one that speaks for it, is one we hold."""
    return next((zones[name] for name in closest_first if name in zones), False)
