"""What the authoritative name servers say of an address themselves, where the registry says no.

A live answer never accepts: it can come from a wildcard, and it is not what the zone will say
in an hour. Where it differs, the zones are synced; where it still differs then, `lookup` says
that somebody has to look.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from whitelist.addresses import IPAddress, parse_address
from whitelist.models.registration import LiveAnswer, LiveVerdict
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.agreement import views_of
from whitelist.registry.aliases import aliases_of
from whitelist.registry.classify import names_nobody
from whitelist.registry.concerned import speaker, stored_zones, zones_of_answer
from whitelist.registry.following.servers import zone_servers
from whitelist.registry.name_servers.faults import ElsewhereError, Fault, NameServerError
from whitelist.registry.name_servers.query import Kind, ask_records
from whitelist.registry.name_servers.server import Server
from whitelist.registry.names import is_hostname
from whitelist.registry.reverse_names import ancestors, reverse_zone_names
from whitelist.sending import send_task

TASK = "whitelist.second_opinion"
DEADLINE = 2.0
"""Seconds for all the questions about one address."""
MOST_NAMES = 8
ASKED_AGAIN_AFTER = timedelta(minutes=5)
DETAIL_LENGTH = LiveAnswer._meta.get_field("detail").max_length or 0


def request_opinion(address: IPAddress, at: datetime) -> LiveAnswer:
    """Have the name servers asked soon, at most once an address in five minutes.

    Returns what is known by now: the question, or an answer that is not old. A broker that is
    down costs half a second once; then the question stays open, and is asked again.
    """
    row, is_new = LiveAnswer.objects.get_or_create(address=str(address), defaults={"asked_at": at})
    if is_new or ask_again(row, at):
        send_task(TASK, str(address), otherwise="the question is asked again in five minutes")
        row.refresh_from_db()
    return row


def ask_again(row: LiveAnswer, at: datetime) -> bool:
    """Claim the question; of several requests at the same moment one does."""
    old = LiveAnswer.objects.filter(pk=row.pk, asked_at__lte=at - ASKED_AGAIN_AFTER)
    return bool(
        old.update(asked_at=at, answered_at=None, verdict=LiveVerdict.ASKED, names={}, detail="")
    )


def do_ask_live(
    address: IPAddress, *, at: datetime, keys_file: Path | None, deadline: float = DEADLINE
) -> LiveAnswer:
    """Ask the servers of the zones that speak for the address, and keep what they say.

    Takes `deadline` seconds at most, and never raises for what a server does: then the verdict
    is `unknown`, with the detail. It must not run inside a transaction.
    """
    opinion = Questions(address, keys_file, time.monotonic() + deadline).opinion()
    row, _is_new = LiveAnswer.objects.update_or_create(
        address=str(address),
        defaults={
            "asked_at": at,
            "answered_at": at,
            "verdict": opinion.verdict,
            "names": opinion.names,
            "detail": opinion.detail[:DETAIL_LENGTH],
        },
    )
    return row


def zones_to_sync(answer: LiveAnswer) -> list[Zone]:
    """Which zones to bring up to date, where the servers have registered what we have not."""
    if answer.verdict != LiveVerdict.REGISTERED:
        return []
    aliases = aliases_of(parse_address(answer.address))
    return [zone for zone in zones_of_answer(answer, aliases) if zone.is_followed]


class NoAnswerError(Exception):
    """Nobody could be asked, or nobody answered; the text says why, in technical English."""


class LeadsElsewhereError(NoAnswerError):
    """The name is an alias of one that the server does not serve."""

    def __init__(self, text: str, target: str) -> None:
        super().__init__(text)
        self.target = target


@dataclass
class Opinion:
    """What was heard: each reverse name with the addresses that it has."""

    verdict: LiveVerdict = LiveVerdict.UNREGISTERED
    names: dict[str, list[str]] = field(default_factory=dict)
    detail: str = ""


@dataclass
class Questions:
    """The questions about one address; `until` is a moment of the monotonic clock."""

    address: IPAddress
    keys_file: Path | None
    until: float
    heard: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    silent: set[Server] = field(default_factory=set)

    def opinion(self) -> Opinion:
        """Registered where a name of the address has it in one view; else unknown where
        anything could not be asked."""
        opinion = Opinion()
        zones = list(stored_zones(self.address))
        for view in views_of(Zone.objects.exclude(kind=ZoneKind.LIST).only("view")):
            try:
                if self.is_registered(zones, view, opinion):
                    return Opinion(LiveVerdict.REGISTERED, opinion.names)
            except NoAnswerError as error:
                opinion.verdict = LiveVerdict.UNKNOWN
                opinion.detail = opinion.detail or str(error)
        return opinion

    def is_registered(self, zones: list[Zone], view: str, opinion: Opinion) -> bool:
        """Asks for the reverse names, then for each name's addresses; notes what was heard."""
        reverse = speaker(reverse_zone_names(self.address), zones, view)
        if reverse is None:
            raise NoAnswerError(f"no zone that speaks for {self.address} is known")
        names = self.reverse_names(reverse, view)
        names = [n for n in names if is_hostname(n) and not names_nobody(n, self.address)]
        failed: NoAnswerError | None = None
        for name in names[:MOST_NAMES]:
            try:
                addresses = self.addresses_of(name, view)
            except NoAnswerError as error:
                failed = failed or error
                continue
            opinion.names[name] = addresses
            if str(self.address) in addresses:
                return True
        if failed is not None:
            raise failed
        return False

    def reverse_names(self, reverse: Zone, view: str) -> list[str]:
        """The targets of its PTR records, perhaps where one alias leads to (RFC 2317)."""
        try:
            return self.ask(reverse, owner_in(reverse, self.address), "PTR")
        except LeadsElsewhereError as error:
            closest_first = list(ancestors(error.target))
            zones = Zone.objects.filter(name__in=closest_first).exclude(kind=ZoneKind.LIST)
            child = speaker(closest_first, zones, view)
            if child is None or child == reverse:
                raise
            return self.ask(child, error.target, "PTR")

    def addresses_of(self, name: str, view: str) -> list[str]:
        zones = Zone.objects.filter(name__in=list(ancestors(name)), kind=ZoneKind.FORWARD)
        forward = speaker(ancestors(name), zones, view)
        if forward is None:
            raise NoAnswerError(f"no zone that speaks for {name} is known")
        return self.ask(forward, name, "A" if self.address.version == 4 else "AAAA")

    def ask(self, zone: Zone, owner: str, kind: Kind) -> list[str]:
        """What the first server says that answers; those that were silent are asked last."""
        if (zone.pk, owner) in self.heard:
            return self.heard[zone.pk, owner]
        servers, faults = zone_servers(zone, self.keys_file)
        servers.sort(key=self.silent.__contains__)
        problems = [str(fault) for fault in faults]
        for waiting in range(len(servers), 0, -1):
            server = servers[-waiting]
            left = self.until - time.monotonic()
            if left <= 0:
                problems.append("no time was left")
                break
            try:
                found = ask_records(server, owner, kind, timeout=left / min(waiting, 2))
            except ElsewhereError as error:
                raise LeadsElsewhereError(str(error), error.target) from error
            except NameServerError as error:
                problems.append(str(error))
                if error.fault is Fault.DOWN:
                    self.silent.add(server)
            else:
                self.heard[zone.pk, owner] = found
                return found
        raise NoAnswerError("; ".join(problems) or f"{zone} has no name server that can be asked")


def owner_in(zone: Zone, address: IPAddress) -> str:
    """The owner of the address's PTR records there: below an RFC 2317 child it is another."""
    pointer = address.reverse_pointer
    if address.version == 6 or pointer == zone.name or pointer.endswith("." + zone.name):
        return pointer
    return f"{pointer.partition('.')[0]}.{zone.name}"
