"""Do the names of an address make it registered? Judges rows that it is given, and asks nobody.

A name is judged inside one view of the name space: forward and reverse must agree in what one
asker sees. A zone without a view is seen in every view that has no zone of that name itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from whitelist.addresses import IPAddress
from whitelist.models.service_settings import RegistrationRule, ServiceSettings
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.classify import names_nobody
from whitelist.registry.halves import Alias, Evidence, Half
from whitelist.registry.reverse_names import ancestors, reverse_zone_names

# Zones by name, and whether we hold what is in them.
KnownZones = dict[str, bool]


class AddressStatus(StrEnum):
    """Whether an address is registered, and if not, why."""

    REGISTERED = "registered"
    NO_NAME = "no_name"
    NEEDS_FORWARD = "needs_forward"
    NEEDS_REVERSE = "needs_reverse"
    GENERATED_NAME = "generated_name"
    SHARED_ADDRESS = "shared_address"
    MALFORMED = "malformed"
    REVIEW = "review"


class Why(StrEnum):
    """What an address waits for whose status is `review`."""

    TOO_YOUNG = "too_young"
    EXPIRED_ZONE = "expired_zone"
    SERIES = "series"
    OVERRIDE = "override"
    LIVE_DIFFERS = "live_differs"


@dataclass(frozen=True)
class NamePolicy:
    """What counts as a registered name.

    `suffixes` are lower case without a leading dot; none means that any name may count. A name
    must have stood in its zone for `minimum_age`, and not be one of `series_length` or more
    that are numbered in step with their addresses; 0 lets them count.
    """

    rule: RegistrationRule = RegistrationRule.AGREEING
    suffixes: tuple[str, ...] = ()
    minimum_age: timedelta = timedelta(0)
    series_length: int = 0

    @classmethod
    def of(cls, settings: ServiceSettings) -> NamePolicy:
        return cls(
            RegistrationRule(settings.registration_rule),
            tuple(settings.suffixes),
            settings.minimum_age,
            settings.series_length,
        )


@dataclass(frozen=True)
class KnownZone:
    """A DNS zone that could speak for the address or a name; `holds`: we have its content."""

    name: str
    view: str
    holds: bool


@dataclass(frozen=True)
class Claim:
    """A name that counts under the rule, with what it rests on: one half, or both."""

    halves: tuple[Half, ...]

    @property
    def best(self) -> Half:
        return self.halves[0]

    @property
    def is_listed(self) -> bool:
        return self.best.is_listed

    @property
    def since(self) -> datetime | None:
        """When the later half came; None where both were there at the first loading."""
        return max((half.since for half in self.halves if half.since), default=None)

    @property
    def until(self) -> datetime | None:
        return min((half.until for half in self.halves if half.until), default=None)

    def counts_from(self, policy: NamePolicy) -> datetime | None:
        """When a young name comes of age; None where it always was. A list states, and counts."""
        return None if self.is_listed or self.since is None else self.since + policy.minimum_age

    def is_expired(self, at: datetime) -> bool:
        return any(zone.is_expired(at) for half in self.halves for zone in half.zones)


@dataclass(frozen=True)
class Verdict:
    """What the names of an address amount to.

    `claims` are those that count now, best first, where it is registered; in a review the one
    that is awaited. `name` is the best one that was seen. `until`: when it comes of age.
    """

    status: AddressStatus
    name: str = ""
    claims: tuple[Claim, ...] = ()
    why: Why | None = None
    until: datetime | None = None


# Where views differ, the best answer of one of them is the answer.
BEST_FIRST = (
    AddressStatus.REGISTERED,
    AddressStatus.REVIEW,
    AddressStatus.NEEDS_FORWARD,
    AddressStatus.NEEDS_REVERSE,
    AddressStatus.GENERATED_NAME,
    AddressStatus.NO_NAME,
)


def judge(
    address: IPAddress,
    evidence: Evidence,
    zones: Sequence[KnownZone],
    policy: NamePolicy,
    *,
    at: datetime,
) -> Verdict:
    """Names of a list count by themselves. Names of DNS zones must be ours, and count as the
    rule says: by default forward and reverse agree wherever both zones are known. Generated
    names never count. Whichever name fully counts in any view wins.

    `evidence` is the address's; `zones` are those that could speak for it or its names.
    """
    verdicts = []
    for view in views_of([*zones, *evidence.zones]):
        own = {zone.name for zone in zones if zone.view == view}
        known = {zone.name: zone.holds for zone in zones if is_seen(zone, view, own)}
        seen = evidence_seen(evidence, view, own)
        verdicts.append(judge_view(address, seen, known, policy, at))
    best = min(verdicts, key=lambda verdict: BEST_FIRST.index(verdict.status))
    if best.status is not AddressStatus.REGISTERED:
        return best
    claims = [c for v in verdicts if v.status is AddressStatus.REGISTERED for c in v.claims]
    return Verdict(best.status, best.name, tuple(dict.fromkeys(claims)))


def views_of(zones: Iterable[Zone | KnownZone]) -> list[str]:
    """The views to judge in: those with a name, or the nameless one where there are none."""
    return sorted({zone.view for zone in zones} - {""}) or [""]


def is_seen(zone: Zone | KnownZone, view: str, own: set[str]) -> bool:
    """Whether a view whose `own` zones have these names sees the zone."""
    return zone.view == view or (not zone.view and zone.name not in own)


def evidence_seen(evidence: Evidence, view: str, own: set[str]) -> Evidence:
    """What a view sees of it: lists, and what rests on zones of which it sees every one."""
    return Evidence(
        [
            half
            for half in evidence.halves
            if half.is_listed or all(is_seen(zone, view, own) for zone in half.zones)
        ],
        [alias for alias in evidence.aliases if is_seen(alias.zone, view, own)],
    )


def judge_view(
    address: IPAddress, seen: Evidence, zones: KnownZones, policy: NamePolicy, at: datetime
) -> Verdict:
    candidates = [half for half in seen.halves if is_ours(half, policy, zones)]
    named = [half for half in candidates if not names_nobody(half.name, address)]
    reverse_known = is_reverse_known(address, seen.aliases, zones)
    claims = claims_of(named, policy, zones, reverse_known=reverse_known)
    if claims:
        return judge_claims(claims, policy, at)
    if candidates and not named:
        return Verdict(AddressStatus.GENERATED_NAME, candidates[0].name)
    return missing_half(named)


def judge_claims(claims: list[Claim], policy: NamePolicy, at: datetime) -> Verdict:
    """Registered by what is old enough and stands in zones that we may still rely on."""
    reliable = [claim for claim in claims if not claim.is_expired(at)]
    young = []
    counted = []
    for claim in reliable:
        begins = claim.counts_from(policy)
        if begins is not None and begins > at:
            young.append((begins, claim))
        else:
            counted.append(claim)
    if counted:
        return Verdict(AddressStatus.REGISTERED, counted[0].best.name, tuple(counted))
    if young:
        begins, claim = min(young, key=lambda pair: pair[0])
        return review(claim, Why.TOO_YOUNG, begins)
    return review(claims[0], Why.EXPIRED_ZONE)


def review(claim: Claim, why: Why, until: datetime | None = None) -> Verdict:
    return Verdict(AddressStatus.REVIEW, claim.best.name, (claim,), why, until)


def claims_of(
    named: list[Half], policy: NamePolicy, zones: KnownZones, *, reverse_known: bool
) -> list[Claim]:
    """What counts under the rule: of lists, then of reverse zones, then of forward."""
    listed = [Claim((half,)) for half in of_kind(named, ZoneKind.LIST)]
    reverse = of_kind(named, ZoneKind.REVERSE)
    forward = of_kind(named, ZoneKind.FORWARD)
    if policy.rule == RegistrationRule.REVERSE:
        return listed + [Claim((half,)) for half in reverse]
    if policy.rule == RegistrationRule.FORWARD:
        return listed + [Claim((half,)) for half in forward]
    forward_by_name = {half.name: half for half in forward}
    agreeing = []
    for half in reverse:
        if half.name in forward_by_name:
            agreeing.append(Claim((half, forward_by_name[half.name])))
        elif not is_known(zones, ancestors(half.name)):
            agreeing.append(Claim((half,)))
    if not reverse_known:
        agreeing += [Claim((half,)) for half in forward]
    return listed + agreeing


def missing_half(named: list[Half]) -> Verdict:
    """Which half of the registration is missing, and the name that has the other half."""
    for kind, missing in (
        (ZoneKind.REVERSE, AddressStatus.NEEDS_FORWARD),
        (ZoneKind.FORWARD, AddressStatus.NEEDS_REVERSE),
    ):
        for half in of_kind(named, kind):
            return Verdict(missing, half.name)
    return Verdict(AddressStatus.NO_NAME)


def of_kind(halves: list[Half], kind: ZoneKind) -> list[Half]:
    return [half for half in halves if half.kind == kind]


def is_ours(half: Half, policy: NamePolicy, zones: KnownZones) -> bool:
    """Whether the name ends in an allowed suffix, or lies in a forward zone that we hold.

    A list's names are stated by staff, and any may count.
    """
    if not policy.suffixes or half.kind != ZoneKind.REVERSE:
        return True
    names = list(ancestors(half.name))
    return any(name in policy.suffixes for name in names) or is_known(zones, names)


def is_reverse_known(address: IPAddress, aliases: Sequence[Alias], zones: KnownZones) -> bool:
    """Whether we hold every zone that speaks for the address's reverse name, or is led to."""
    names = [reverse_zone_names(address), *(ancestors(alias.target) for alias in aliases)]
    return all(is_known(zones, closest_first) for closest_first in names)


def is_known(zones: KnownZones, closest_first: Iterable[str]) -> bool:
    """Whether the closest zone around a name, the one that speaks for it, is one we hold."""
    return next((zones[name] for name in closest_first if name in zones), False)
