"""Rows for tests: plain functions with believable defaults, one a noun."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils import timezone

from portal_auth.identity import PortalIdentity
from whitelist.addresses import parse_address
from whitelist.audit import SYSTEM
from whitelist.blocks import do_block
from whitelist.entries import do_open_entry
from whitelist.models.block import Block, BlockKind
from whitelist.models.entry import WhitelistEntry
from whitelist.models.host import Host
from whitelist.models.network import Network, NetworkKind
from whitelist.models.zone import Zone, ZoneKind

CAMPUS = "140.114.0.0/16"
ADDRESS = "140.114.64.154"
NAME = "lab154.ee.nthu.edu.tw"
UNIT = "電機工程學系 Electrical Engineering"
CONTACT = "ee-net@example.edu.tw"
# A Tuesday noon in Taipei, far from any midnight.
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def make_identity(
    subject: str = "s112062501",
    *,
    issuer: str = "https://portal.example",
    role: str = "student",
    status: str = "校",
    name: str = "王小明",
    unit: str = UNIT,
    email: str = "",
    signed_in_at: datetime | None = None,
) -> PortalIdentity:
    """An enrolled student by default; `role="staff", status="一般"` is staff in office."""
    signed_in_at = signed_in_at or timezone.now()
    return PortalIdentity(issuer, subject, role, status, signed_in_at, name, unit, email)


def make_network(
    cidr: str = CAMPUS,
    kind: NetworkKind | str = NetworkKind.STATIC,
    *,
    unit: str = UNIT,
    contact: str = CONTACT,
) -> Network:
    return Network.objects.create(cidr=cidr, kind=kind, unit=unit, contact=contact)


def make_zone(name: str = "csv", kind: ZoneKind | str = ZoneKind.LIST) -> Zone:
    """The zone of that name, created where it is not there yet."""
    return Zone.objects.get_or_create(name=name, defaults={"kind": kind})[0]


def make_host(
    address: str = ADDRESS,
    name: str = NAME,
    *,
    zone: Zone | None = None,
    unit: str = "",
    contact: str = "",
) -> Host:
    """A host of a list, so that it counts by itself, unless a zone is given."""
    zone = zone or make_zone()
    return Host.objects.create(zone=zone, address=address, name=name, unit=unit, contact=contact)


def register(address: str = ADDRESS, name: str = NAME, *, cidr: str | None = None) -> Host:
    """Make the address one that may be whitelisted: a static network around it, and a name.

    The network is the campus's /16, or a /48 in IPv6, unless `cidr` is given.
    """
    if cidr is None:
        parts = address.split(":")
        cidr = CAMPUS if len(parts) == 1 else ":".join(parts[:3]) + "::/48"
    if not Network.objects.containing(parse_address(address)).exists():
        make_network(cidr)
    return Host.objects.filter(address=address, name=name).first() or make_host(address, name)


def open_entry(
    address: str = ADDRESS,
    *,
    applicant: PortalIdentity | None = None,
    at: datetime | None = None,
    name: str = NAME,
) -> WhitelistEntry:
    """Register the address and open an entry for it, through all the rules."""
    register(address, name)
    return do_open_entry(
        applicant=applicant or make_identity(),
        address=parse_address(address),
        at=at or timezone.now(),
    )


def make_block(
    subject: str = ADDRESS,
    kind: BlockKind | str = BlockKind.ADDRESS,
    *,
    until: datetime | None = None,
    case_number: str = "SEC-2026-0042",
    reason: str = "sent spam",
    at: datetime | None = None,
) -> Block:
    """Block an address, a CIDR, or (`kind="person"`) an account; what is active under it ends."""
    block = Block(kind=kind, subject=subject, until=until, case_number=case_number, reason=reason)
    do_block(block, actor=SYSTEM, at=at or timezone.now())
    return block
