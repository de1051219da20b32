"""May this person whitelist this address now?

One small function a rule, each returning its `Refusal` or None; `OPENING` and `EXTENDING`
are the lists in which they are asked. Pages, admin and re-checks all use these lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from django.utils import timezone

from portal_auth.identity import PortalIdentity
from whitelist.addresses import IPAddress
from whitelist.models.audit import ActorKind, AuditAction, AuditRecord
from whitelist.models.block import Block
from whitelist.models.entry import WhitelistEntry
from whitelist.models.network import Network, NetworkKind
from whitelist.models.service_settings import ServiceSettings
from whitelist.registry.lookup import (
    AddressStatus,
    NamePolicy,
    NotRegistered,
    Registration,
    Standing,
    registration_of,
    standing,
)


class Reason(StrEnum):
    """Why a request is refused; the values are part of the service's interface."""

    PAUSED = "paused"
    OFF_CAMPUS = "off_campus"
    SUSPENDED_ADDRESS = "suspended_address"
    SUSPENDED_PERSON = "suspended_person"
    SHARED_ADDRESS = "shared_address"
    NO_NAME = "no_name"
    NEEDS_FORWARD = "needs_forward"
    NEEDS_REVERSE = "needs_reverse"
    GENERATED_NAME = "generated_name"
    MALFORMED = "malformed"
    REVIEW = "review"
    ADDRESS_IN_USE = "address_in_use"
    QUOTA = "quota"


@dataclass(frozen=True)
class Refusal:
    """One refusal with what the page needs to explain it.

    `name` is a domain name that was seen but does not count; `until` is when the ground of
    the refusal ends by itself, where that is known. `standing` is what the registry says of
    the address, where it is that which refuses.
    """

    reason: Reason
    network: Network | None = None
    name: str = ""
    block: Block | None = None
    until: datetime | None = None
    limit: int = 0
    standing: Standing | None = None


class RefusedError(Exception):
    """A rule said no."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason.value)
        self.refusal = refusal


@dataclass(frozen=True)
class Situation:
    """One person at one address at one moment; what rules ask of the database, asked once."""

    applicant: PortalIdentity
    address: IPAddress
    at: datetime
    settings: ServiceSettings

    @cached_property
    def standing(self) -> Standing:
        return standing(self.address, NamePolicy.of(self.settings), at=self.at)

    @property
    def network(self) -> Network | None:
        return self.standing.network

    @cached_property
    def registration(self) -> Registration | NotRegistered:
        try:
            return registration_of(self.standing)
        except NotRegistered as missing:
            return missing

    @cached_property
    def entry(self) -> WhitelistEntry | None:
        """The entry that exempts the address now, whoever opened it."""
        return WhitelistEntry.objects.active(self.at).filter(address=str(self.address)).first()

    @cached_property
    def own_entry(self) -> WhitelistEntry | None:
        return self.entry if self.entry and self.entry.is_of(*self.applicant.key) else None

    @cached_property
    def requests_today(self) -> int:
        """Openings and extensions of this person since local midnight.

        Counted by the audit: an entry does not know when it was extended, and one that was
        opened yesterday can be extended today.
        """
        issuer, subject = self.applicant.key
        return AuditRecord.objects.filter(
            actor_kind=ActorKind.MEMBER,
            actor=subject,
            at__gte=local_midnight(self.at),
            action__in=(AuditAction.OPENED, AuditAction.EXTENDED),
            entry__requester_issuer=issuer,
        ).count()

    @property
    def requests_left(self) -> int | None:
        """What is left of today's requests; None where there is no limit."""
        if not self.settings.requests_per_day:
            return None
        return max(0, self.settings.requests_per_day - self.requests_today)


Rule = Callable[[Situation], Refusal | None]


def not_paused(situation: Situation) -> Refusal | None:
    if not situation.settings.is_paused(situation.at):
        return None
    return Refusal(Reason.PAUSED, until=situation.settings.paused_until)


def on_campus(situation: Situation) -> Refusal | None:
    return None if situation.network else Refusal(Reason.OFF_CAMPUS)


def address_not_suspended(situation: Situation) -> Refusal | None:
    blocks = Block.objects.in_force(situation.at).of_address(situation.address)
    block = blocks.order_by("-lo", "hi").first()
    if block is None:
        return None
    network = situation.network
    return Refusal(Reason.SUSPENDED_ADDRESS, block=block, network=network, until=block.until)


def person_not_suspended(situation: Situation) -> Refusal | None:
    block = Block.objects.in_force(situation.at).of_person(situation.applicant.subject).first()
    if block is None:
        return None
    return Refusal(Reason.SUSPENDED_PERSON, block=block, until=block.until)


def network_has_named_machines(situation: Situation) -> Refusal | None:
    network = situation.network
    if network is None or network.kind == NetworkKind.STATIC:
        return None
    return Refusal(Reason.SHARED_ADDRESS, network=network)


def address_is_registered(situation: Situation) -> Refusal | None:
    found = situation.standing
    if found.status is AddressStatus.REGISTERED:
        return None
    return Refusal(
        Reason(found.status.value),
        network=found.network,
        name=found.name,
        until=found.until,
        standing=found,
    )


def address_not_in_use(situation: Situation) -> Refusal | None:
    if situation.entry is None:
        return None
    return Refusal(Reason.ADDRESS_IN_USE, until=situation.entry.expires_at)


def within_quota(situation: Situation) -> Refusal | None:
    if situation.requests_left is None or situation.requests_left > 0:
        return None
    tomorrow = local_midnight(situation.at, days=1)
    return Refusal(Reason.QUOTA, until=tomorrow, limit=situation.settings.requests_per_day)


EXTENDING: tuple[Rule, ...] = (
    not_paused,
    on_campus,
    address_not_suspended,
    person_not_suspended,
    network_has_named_machines,
    address_is_registered,
    within_quota,
)
OPENING: tuple[Rule, ...] = (*EXTENDING[:-1], address_not_in_use, within_quota)


def first_refusal(situation: Situation, rules: Sequence[Rule] = OPENING) -> Refusal | None:
    """The first rule that says no, in the order in which a member can mend things."""
    for rule in rules:
        refusal = rule(situation)
        if refusal is not None:
            return refusal
    return None


def check_allowed(situation: Situation, rules: Sequence[Rule] = OPENING) -> None:
    """Raises `RefusedError` where a rule says no."""
    refusal = first_refusal(situation, rules)
    if refusal is not None:
        raise RefusedError(refusal)


def local_midnight(at: datetime, *, days: int = 0) -> datetime:
    """The start of the local day of `at`, or of a day after it."""
    midnight = timezone.localtime(at).replace(
        hour=0, minute=0, second=0, microsecond=0, tzinfo=None
    )
    return timezone.make_aware(midnight + timedelta(days=days))
