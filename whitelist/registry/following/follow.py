"""How a zone is followed: setting it up, changing it, and leaving it to be loaded by hand."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from whitelist import audit
from whitelist.audit import Actor
from whitelist.models.audit import AuditAction
from whitelist.models.zone import Zone, ZoneKind, ZoneServer, ZoneSource
from whitelist.registry.applying.held import do_supersede
from whitelist.registry.reverse_names import is_reverse_name

DNS_PORT = 53


class FollowError(Exception):
    """What was asked for makes no sense; the text says why."""


class ServerAt(NamedTuple):
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address}#{self.port}"


@dataclass(frozen=True)
class Following:
    """How a zone is to be followed; what is None stays as it is. Either servers or a file."""

    servers: Sequence[ServerAt] = ()
    key_name: str | None = None
    file: str = ""
    loss_allowed: int | None = None


def check_server(text: str) -> ServerAt:
    """`ADDRESS` or `ADDRESS#PORT`, as name servers write it. Raises `FollowError`."""
    address, sign, port = text.partition("#")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as error:
        raise FollowError(f"{text!r} is not ADDRESS or ADDRESS#PORT: {error}") from error
    if "%" in address:
        raise FollowError(f"{text!r}: an address with a zone index is of this machine alone")
    if not sign:
        return ServerAt(str(parsed), DNS_PORT)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise FollowError(f"{text!r} does not end in a port from 1 to 65535")
    return ServerAt(str(parsed), int(port))


def kind_of_name(name: str) -> ZoneKind:
    """A name in a tree of addresses is a reverse zone's, one without a dot a list's."""
    if is_reverse_name(name):
        return ZoneKind.REVERSE
    return ZoneKind.FORWARD if "." in name else ZoneKind.LIST


@transaction.atomic
def do_follow_zone(
    name: str, view: str, kind: ZoneKind | None, following: Following, *, actor: Actor, at: datetime
) -> tuple[Zone, bool]:
    """Set the zone up as asked, and make it due; and whether that changed anything.

    Names and addresses are checked already. Raises `FollowError` where the zone holds hosts of
    another kind, or the kind cannot come from there.
    """
    wanted = kind or kind_of_name(name)
    zone, _is_new = Zone.objects.get_or_create(name=name, view=view, defaults={"kind": wanted})
    zone = Zone.objects.select_for_update().get(pk=zone.pk)
    before = facts(zone)
    if kind is not None and kind != zone.kind:
        if zone.loaded_at is not None:
            raise FollowError(f"{zone} is loaded as {zone.kind}, and cannot become {kind}")
        zone.kind = kind
    if following.servers and zone.kind == ZoneKind.LIST:
        raise FollowError(f"{zone} is a list, and no name server has lists: say --file or --kind")
    set_up(zone, following)
    if (after := facts(zone)) == before:
        return zone, False
    if not before["source"]:
        zone.checked_at = None  # whoever loaded it by hand, its servers have not confirmed it
    zone.next_check_at = None
    zone.save()
    record(zone, before, after, actor=actor, at=at)
    return zone, True


def set_up(zone: Zone, following: Following) -> None:
    if following.loss_allowed is not None:
        zone.loss_allowed = following.loss_allowed
    if following.servers:
        zone.source, zone.file = ZoneSource.SERVERS, ""
        set_servers(zone, following.servers)
    elif following.file:
        zone.source, zone.file = ZoneSource.FILE, following.file
    if following.key_name is not None:
        zone.servers.update(key_name=following.key_name)


def set_servers(zone: Zone, servers: Sequence[ServerAt]) -> None:
    """These and no others, in this order; a key that one of them has stays."""
    for server in zone.servers.all():
        if (server.address, server.port) not in servers:
            server.delete()
    for position, (address, port) in enumerate(servers):
        ZoneServer.objects.update_or_create(
            zone=zone, address=address, port=port, defaults={"position": position}
        )


@transaction.atomic
def do_stop_following(zone: Zone, *, actor: Actor, at: datetime) -> bool:
    """Leave the zone as it is, to be loaded by hand; whether it was followed."""
    zone = Zone.objects.select_for_update().get(pk=zone.pk)
    if not zone.is_followed:
        return False
    before = facts(zone)
    zone.source = ZoneSource.HAND
    zone.next_check_at = zone.failing_since = None
    zone.fault = zone.fault_detail = ""
    zone.save()
    do_supersede(zone, actor=actor, at=at)
    record(zone, before, facts(zone), actor=actor, at=at)
    return True


def record(
    zone: Zone, before: dict[str, Any], after: dict[str, Any], *, actor: Actor, at: datetime
) -> None:
    audit.record(
        AuditAction.REGISTRY_CHANGED,
        actor=actor,
        at=at,
        reason=str(zone),
        before=before,
        after=after,
    )


def facts(zone: Zone) -> dict[str, Any]:
    """How it is followed; an empty `source` is by hand."""
    servers = [f"{server} {server.key_name}".strip() for server in zone.servers.all()]
    return {
        "kind": str(zone.kind),
        "source": str(zone.source) if zone.is_followed else "",
        "servers": servers if zone.source == ZoneSource.SERVERS else [],
        "file": zone.file,
        "loss_allowed": zone.loss_allowed,
    }
