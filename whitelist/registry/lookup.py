"""Is this address registered? The service's second gate, answered from the registry alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, Subquery

from whitelist.addresses import IPAddress
from whitelist.models.host import Host, HostChange, OmittedRecord
from whitelist.models.network import Network, NetworkKind
from whitelist.models.registration import (
    LiveAnswer,
    LiveVerdict,
    OverrideDecision,
    RegistrationOverride,
)
from whitelist.registry.agreement import (
    AddressStatus,
    Claim,
    KnownZone,
    NamePolicy,
    Verdict,
    Why,
    judge,
)
from whitelist.registry.aliases import evidence_elsewhere, stored_aliases
from whitelist.registry.classify import MALFORMED
from whitelist.registry.concerned import stored_zones, zones_of_answer
from whitelist.registry.halves import Alias, Evidence, Half
from whitelist.registry.series import neighbours, run_length

__all__ = [
    "AddressStatus",
    "NamePolicy",
    "NotRegistered",
    "Registration",
    "Standing",
    "Why",
    "check_registered",
    "find_network",
    "registration_of",
    "standing",
]

# A live answer says nothing any more after this.
LIVE_ANSWER_LASTS = timedelta(minutes=15)
# Of an address with more names than this, the first are asked whether they are one of a series.
MOST_NAMES_IN_SERIES = 8
# Where a half is missing, the kind of record that would be it.
MISSING = {
    AddressStatus.NO_NAME: ("A", "AAAA", "PTR"),
    AddressStatus.NEEDS_FORWARD: ("A", "AAAA"),
    AddressStatus.NEEDS_REVERSE: ("PTR",),
}
HOST_FIELDS = ("address", "name", "unit", "contact", "first_seen_at", "until")
ZONE_FIELDS = ("name", "view", "kind", "source", "checked_at", "expire")
ONLY = (*HOST_FIELDS, *(f"zone__{field}" for field in ZONE_FIELDS))


@dataclass(frozen=True)
class Standing:
    """What the registry says of an address.

    `name` is the one under which it is registered, or the best that was seen; `zone` the one
    that says so, with its view. `since`: when the name, or its later half, came; None where it
    was there when its zone was first loaded. `until`: when an override or an entry by staff
    ends, or when a name comes of age. `unit` and `contact` are the host's, else the network's.
    `why` goes with `review`, or says `override` of a registration; `record` is what is
    malformed.
    """

    status: AddressStatus
    name: str = ""
    zone: str = ""
    since: datetime | None = None
    until: datetime | None = None
    network: Network | None = None
    unit: str = ""
    contact: str = ""
    why: Why | None = None
    record: OmittedRecord | None = None


@dataclass(frozen=True)
class Registration:
    """The name under which the address is registered, and the zone that says so."""

    name: str
    zone: str
    unit: str = ""
    contact: str = ""


class NotRegistered(Exception):
    """The address has no name that counts; the standing has the reason."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing.status.value)
        self.status = standing.status
        self.standing = standing


def find_network(address: IPAddress) -> Network | None:
    """The most specific network that contains the address; None is off campus."""
    return Network.objects.containing(address).first()


def check_registered(address: IPAddress, policy: NamePolicy, *, at: datetime) -> Registration:
    """The registration of the address, or `NotRegistered` with its standing."""
    return registration_of(standing(address, policy, at=at))


def registration_of(found: Standing) -> Registration:
    """The registration that a standing amounts to. Raises `NotRegistered`."""
    if found.status is not AddressStatus.REGISTERED:
        raise NotRegistered(found)
    return Registration(found.name, found.zone, found.unit, found.contact)


def standing(address: IPAddress, policy: NamePolicy, *, at: datetime) -> Standing:
    """Whether the address is registered, and if not, why.

    The kind of its network decides first, then an override by staff, then names: see `judge`.
    A registration costs four queries at most: network and override, names, zones, series;
    one more where an alias leads to its reverse name. Where the registry says no, two or three
    more look for a malformed record and at what the name servers said themselves.
    """
    network, override = network_and_override(address, at)
    if network is not None and network.kind != NetworkKind.STATIC:
        return of_network(Standing(AddressStatus.SHARED_ADDRESS), network)
    if override is not None:
        return of_network(overridden(override), network)
    evidence = evidence_of(address, at)
    verdict = judged(address, evidence, policy, at)
    if verdict.status is AddressStatus.REGISTERED:
        verdict = without_series(address, verdict, policy)
    if verdict.status in MISSING:
        return of_network(unregistered(address, verdict, evidence.aliases, at), network)
    return of_network(from_verdict(verdict), network)


def network_and_override(
    address: IPAddress, at: datetime
) -> tuple[Network | None, RegistrationOverride | None]:
    """The address's network, and the override in force; in one query where there is none."""
    overrides = RegistrationOverride.objects.in_force(at).filter(address=str(address))
    networks = Network.objects.containing(address)
    network = networks.annotate(override=Subquery(overrides.values("pk")[:1])).first()
    has_none = network is not None and getattr(network, "override", None) is None
    return network, None if has_none else overrides.first()


def overridden(override: RegistrationOverride) -> Standing:
    accepts = override.decision == OverrideDecision.ACCEPT
    return Standing(
        AddressStatus.REGISTERED if accepts else AddressStatus.REVIEW,
        override.name,
        since=override.created_at,
        until=override.until,
        why=Why.OVERRIDE,
    )


def of_network(found: Standing, network: Network | None) -> Standing:
    """With the network, whose unit and contact stand in where the host states none."""
    if network is None:
        return found
    return replace(
        found,
        network=network,
        unit=found.unit or network.unit,
        contact=found.contact or network.contact,
    )


def judged(address: IPAddress, evidence: Evidence, policy: NamePolicy, at: datetime) -> Verdict:
    zones = known_zones(address, evidence.names) if evidence.names else []
    return judge(address, evidence, zones, policy, at=at)


def evidence_of(address: IPAddress, at: datetime) -> Evidence:
    """What is held of the address; what an alias leads to is looked for where there is one."""
    stored = Host.objects.in_force(at).filter(address=str(address))
    named = stored.select_related("zone").only(*ONLY).order_by("name", "zone_id")
    hosts = list(named.annotate(is_aliased=Exists(stored_aliases(address))))
    halves = [Half.of(host) for host in hosts]
    if hosts and not getattr(hosts[0], "is_aliased", True):
        return Evidence(halves)
    elsewhere = evidence_elsewhere(address)
    return Evidence([*halves, *elsewhere.halves], elsewhere.aliases)


def known_zones(address: IPAddress, names: Iterable[str]) -> list[KnownZone]:
    """The zones that could hold the address's PTR record or the addresses of these names.

    A zone that is stored but was never loaded, and has no hosts, is one that another zone
    delegates: it exists, and we do not know what is in it.
    """
    holds = Q(loaded_at__isnull=False) | Exists(Host.objects.filter(zone=OuterRef("pk")))
    zones = stored_zones(address, names).annotate(holds=holds)
    return [KnownZone(*row) for row in zones.values_list("name", "view", "holds")]


def without_series(address: IPAddress, verdict: Verdict, policy: NamePolicy) -> Verdict:
    """The verdict with the first name that is none of a series; a review where all are.

    A name that a list states counts by itself.
    """
    if not policy.series_length or verdict.claims[0].is_listed:
        return verdict
    asked = verdict.claims[:MOST_NAMES_IN_SERIES]
    for claim, is_one in zip(asked, in_series(address, asked, policy.series_length), strict=True):
        if not is_one:
            return replace(verdict, name=claim.best.name, claims=(claim,))
    return Verdict(AddressStatus.REVIEW, verdict.name, verdict.claims[:1], Why.SERIES)


def in_series(address: IPAddress, claims: tuple[Claim, ...], length: int) -> list[bool]:
    """Of each name, whether it is one of so many that are numbered in step with addresses."""
    names = [claim.best.name for claim in claims]
    around = [neighbours(name, address, length - 1) for name in names]
    wanted = {pair for pairs in around for pair in pairs}
    if not wanted:
        return [False for _name in names]
    stored = Host.objects.filter(name__in={name for _address, name in wanted})
    present = wanted.intersection(stored.values_list("address", "name"))
    return [run_length(present, name, address, length - 1) >= length for name in names]


def unregistered(
    address: IPAddress, verdict: Verdict, aliases: Sequence[Alias], at: datetime
) -> Standing:
    """What is missing, said as precisely as we can.

    A malformed record that was evidently meant to be what is missing is told as such. Where the
    name servers say that all is there, and still say other than what we hold of them after it
    was confirmed, somebody has to look.
    """
    if live_differs(address, aliases, at):
        return Standing(AddressStatus.REVIEW, verdict.name, why=Why.LIVE_DIFFERS)
    omitted = OmittedRecord.objects.filter(
        address=str(address), reason__in=MALFORMED, type__in=MISSING[verdict.status]
    )
    record = omitted.select_related("zone").first()
    if record is None:
        return Standing(verdict.status, verdict.name)
    return Standing(AddressStatus.MALFORMED, verdict.name, zone=str(record.zone), record=record)


def live_differs(address: IPAddress, aliases: Sequence[Alias], at: datetime) -> bool:
    """Whether a live answer of late has it registered, and every zone was confirmed since.

    An answer from before the address's latest change is of another time, and differs from nothing.
    """
    answer = LiveAnswer.objects.filter(
        address=str(address),
        verdict=LiveVerdict.REGISTERED,
        answered_at__gt=at - LIVE_ANSWER_LASTS,
    ).first()
    if answer is None or is_outdated(answer):
        return False
    zones = [zone for zone in zones_of_answer(answer, aliases) if zone.is_followed]
    answered_at = answer.answered_at
    return bool(zones) and all(
        zone.checked_at is not None and answered_at is not None and zone.checked_at > answered_at
        for zone in zones
    )


def is_outdated(answer: LiveAnswer) -> bool:
    return HostChange.objects.filter(address=answer.address, at__gt=answer.answered_at).exists()


def from_verdict(verdict: Verdict) -> Standing:
    if not verdict.claims:
        return Standing(verdict.status, verdict.name)
    claim = verdict.claims[0]
    return Standing(
        verdict.status,
        claim.best.name,
        zone=str(claim.best.zone),
        since=claim.since,
        until=verdict.until or claim.until,
        unit=claim.best.unit,
        contact=claim.best.contact,
        why=verdict.why,
    )
