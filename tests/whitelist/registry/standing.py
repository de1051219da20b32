"""Rows of one address, and asking for its standing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.whitelist.factories import ADDRESS, NAME, NOON
from whitelist.addresses import parse_address
from whitelist.models.host import Host, OmittedRecord
from whitelist.models.registration import (
    LiveAnswer,
    LiveVerdict,
    OverrideDecision,
    RegistrationOverride,
)
from whitelist.models.zone import Zone, ZoneKind, ZoneSource
from whitelist.registry.classify import LeftOut
from whitelist.registry.lookup import NamePolicy, Standing, standing

FORWARD = "ee.nthu.edu.tw"
REVERSE = "64.114.140.in-addr.arpa"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def zone(name: str = REVERSE, view: str = "", **fields: Any) -> Zone:
    """A zone by its name, loaded an hour ago, unless fields say other."""
    kind = ZoneKind.REVERSE if name.endswith(".arpa") else ZoneKind.FORWARD
    defaults = {"kind": kind, "loaded_at": NOON - HOUR, **fields}
    return Zone.objects.update_or_create(name=name, view=view, defaults=defaults)[0]


def followed(name: str = REVERSE, view: str = "", **fields: Any) -> Zone:
    """One that is followed, was confirmed an hour ago, and expires in another."""
    fields = {"checked_at": NOON - HOUR, "expire": 7200, **fields}
    return zone(name, view, source=ZoneSource.SERVERS, **fields)


def host(
    of: Zone,
    name: str = NAME,
    address: str = ADDRESS,
    *,
    since: datetime | None = None,
    **fields: Any,
) -> Host:
    return Host.objects.create(zone=of, address=address, name=name, first_seen_at=since, **fields)


def both_halves(name: str = NAME, address: str = ADDRESS, view: str = "") -> None:
    host(zone(REVERSE, view), name, address)
    host(zone(FORWARD, view), name, address)


def omitted(
    reason: LeftOut,
    owner: str,
    target: str,
    *,
    type: str = "PTR",  # noqa: A002  as the column is called
    of: Zone | None = None,
    address: str = ADDRESS,
) -> OmittedRecord:
    return OmittedRecord.objects.create(
        zone=of or zone(), reason=reason, owner=owner, type=type, target=target, address=address
    )


def live(
    answered_at: datetime = NOON - MINUTE,
    verdict: LiveVerdict = LiveVerdict.REGISTERED,
    address: str = ADDRESS,
) -> LiveAnswer:
    return LiveAnswer.objects.create(
        address=address,
        asked_at=answered_at,
        answered_at=answered_at,
        verdict=verdict,
        names={NAME: [address]},
    )


def found(
    address: str = ADDRESS, policy: NamePolicy | None = None, at: datetime = NOON
) -> Standing:
    return standing(parse_address(address), policy or NamePolicy(), at=at)


def override(
    decision: OverrideDecision,
    *,
    name: str = "",
    until: datetime = NOON + HOUR,
    lifted_at: datetime | None = None,
) -> RegistrationOverride:
    return RegistrationOverride.objects.create(
        address=ADDRESS, decision=decision, name=name, reason="x", until=until, lifted_at=lifted_at
    )
