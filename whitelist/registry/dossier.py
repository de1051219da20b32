"""All that is known of one address, for whoever has to decide about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from whitelist.addresses import IPAddress
from whitelist.models.host import Host, HostChange, OmittedRecord
from whitelist.models.network import Network
from whitelist.models.registration import LiveAnswer, RegistrationOverride
from whitelist.models.service_settings import ServiceSettings
from whitelist.models.zone import Zone, ZoneState
from whitelist.registry.agreement import NamePolicy
from whitelist.registry.aliases import evidence_elsewhere
from whitelist.registry.concerned import speaking_zones, stored_zones
from whitelist.registry.lookup import Standing, standing

# Of what can be long, this much is shown.
MOST_HOSTS = 200
MOST_CHANGES = 50
MOST_OVERRIDES = 50


@dataclass(frozen=True)
class ConcernedZone:
    """A zone that speaks for the address or one of its names, and how far it can be relied on."""

    zone: Zone
    state: ZoneState


@dataclass(frozen=True)
class Dossier:
    """What is stored about an address at a moment.

    `networks` from the most specific to the broadest; `hosts` by name, also those of staff whose
    end has come, then what an alias leads to, which are no stored hosts; `overrides` and
    `changes` newest first, with those that are over.
    """

    address: IPAddress
    at: datetime
    standing: Standing
    networks: list[Network]
    hosts: list[Host]
    omitted: list[OmittedRecord]
    overrides: list[RegistrationOverride]
    live: LiveAnswer | None
    changes: list[HostChange]
    zones: list[ConcernedZone]


def dossier(address: IPAddress, *, at: datetime) -> Dossier:
    """The dossier, in a number of queries that does not depend on how much there is."""
    here = {"address": str(address)}
    hosts = Host.objects.filter(**here).select_related("zone").order_by("name", "zone_id")
    overrides = RegistrationOverride.objects.filter(**here).select_related("created_by")
    shown = list(hosts[:MOST_HOSTS])
    elsewhere = evidence_elsewhere(address)
    led_to = [Host(zone=h.zone, address=str(address), name=h.name) for h in elsewhere.halves]
    names = [*(host.name for host in shown), *elsewhere.names]
    live = LiveAnswer.objects.filter(**here).first()
    return Dossier(
        address,
        at,
        standing(address, NamePolicy.of(ServiceSettings.load()), at=at),
        list(Network.objects.containing(address)),
        [*shown, *led_to],
        list(OmittedRecord.objects.filter(**here).select_related("zone")[:MOST_HOSTS]),
        list(overrides[:MOST_OVERRIDES]),
        live,
        list(HostChange.objects.filter(**here).select_related("zone")[:MOST_CHANGES]),
        concerned_zones(address, names, live, at),
    )


def concerned_zones(
    address: IPAddress, names: list[str], live: LiveAnswer | None, at: datetime
) -> list[ConcernedZone]:
    """The closest zones around the address and its names, in each view."""
    names = list(dict.fromkeys([*names, *(live.names if live else ())]))
    stored = stored_zones(address, names).select_related("held").order_by("name", "view")
    # A held transfer is megabytes; that there is one is enough here.
    zones = stored.defer("cuts", "renamed", "held__hosts", "held__content")
    return [ConcernedZone(zone, zone.state(at)) for zone in speaking_zones(address, names, zones)]
