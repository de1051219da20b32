"""A zone from its name servers: which of them to believe, and how much to ask of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from whitelist.models.sync_run import HoldReason, SyncMethod, SyncOutcome, SyncTrigger
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.applying.apply import Source, do_sync_delta, do_sync_hosts
from whitelist.registry.following.fault_words import SourceFault
from whitelist.registry.following.job import (
    Finding,
    Job,
    check_kind,
    failure,
    held_finding,
    read,
    timers,
    went_back,
)
from whitelist.registry.following.servers import zone_servers
from whitelist.registry.name_servers.faults import Fault, NameServerError
from whitelist.registry.name_servers.query import ask_soa
from whitelist.registry.name_servers.serials import is_newer
from whitelist.registry.name_servers.server import Server
from whitelist.registry.name_servers.transfer import Transfer, TransferKind, fetch
from whitelist.registry.name_servers.wire import Soa
from whitelist.registry.omissions import Omissions
from whitelist.registry.outline import Outline
from whitelist.registry.sources import SourceError
from whitelist.registry.sources.transferred_zone import (
    NeedsFullTransfer,
    full_hosts,
    incremental,
)
from whitelist.registry.sources.zone_file import checked_origin

log = logging.getLogger(__name__)

# A server that reloads may answer the question from its new content, and for a moment still
# transfer the old one: asked again after so many seconds.
PAUSES = (0.1, 0.3, 1.0)

# Where several servers fail in different ways: what somebody has to mend comes first.
TELLING: tuple[str, ...] = (
    Fault.NO_KEY,
    Fault.WRONG_KEY,
    Fault.CLOCK,
    SourceFault.BAD_ZONE,
    Fault.TOO_LARGE,
    Fault.MALFORMED,
    Fault.REFUSED,
    Fault.NOT_SERVED,
    Fault.STALLED,
    Fault.CUT_OFF,
    Fault.DOWN,
)


def from_servers(job: Job) -> Finding:
    """Ask the zone's servers in their order until one has something to act on.

    One that lags behind what we hold is passed over, unless all that answer do: then the serial
    went backwards. Never raises for what a server does or says.
    """
    try:
        check_dns_zone(job.zone)
    except SourceError as error:
        return failure(SyncMethod.SOA, SourceFault.BAD_ZONE, str(error))
    servers, unusable = zone_servers(job.zone, job.places.keys_file)
    failures = [failed(job, error, SyncMethod.SOA) for error in unusable]
    if not servers and not failures:
        return failure(SyncMethod.SOA, SourceFault.NO_SERVER, "no server is set for this zone")
    equal: Finding | None = None
    behind: list[tuple[Server, Soa]] = []
    for server in servers:
        try:
            soa = ask_soa(server, job.zone.name, timeout=job.limits.ask)
        except NameServerError as error:
            failures.append(failed(job, error, SyncMethod.SOA))
            continue
        if went_back(job.zone, soa.serial):
            behind.append((server, soa))
        elif soa.serial == job.zone.serial and not job.full:
            equal = equal or confirmed(job, server, soa)
            if not is_eager(job):
                return equal
        else:
            finding = transferred(job, server, soa)
            if finding.outcome != SyncOutcome.FAILED:
                return finding
            failures.append(finding)
    if equal is None and behind:
        return transferred(job, *behind[0])
    return equal or most_telling(failures)


def check_dns_zone(zone: Zone) -> None:
    """Raises `SourceError` where no name server can have such a zone."""
    if not (zone.name and checked_origin(zone.name) == zone.name):
        raise SourceError(f"{zone.name!r} is not the name of a zone, in lower case")
    check_kind(zone, Outline(zone.name, None))


def is_eager(job: Job) -> bool:
    """Whether somebody has a reason to think that there is news: then the first server's word
    that there is none does not end it, since it may lag behind the others.
    """
    return job.trigger not in {SyncTrigger.SCHEDULE, SyncTrigger.NIGHTLY}


def confirmed(job: Job, server: Server, soa: Soa) -> Finding:
    held = job.held
    if held is not None and held.serial == soa.serial:
        return held_finding(held, SyncMethod.SOA, soa)
    return Finding(
        SyncOutcome.UNCHANGED, SyncMethod.SOA, str(server), soa, soa.serial, is_news=False
    )


def most_telling(failures: Sequence[Finding]) -> Finding:
    return min(failures, key=lambda finding: TELLING.index(finding.fault))


def failed(job: Job, error: NameServerError, method: SyncMethod) -> Finding:
    log.warning("%s: %s", job.zone, error)
    detail = f"{error.server}: {error.detail}"
    return failure(method, error.fault, detail, str(error.server))


def transferred(job: Job, server: Server, soa: Soa) -> Finding:
    """Read from a server that has another serial, or all of it where that is due or asked."""
    held = job.held
    if held is not None and held.serial == soa.serial and not job.insists:
        return held_finding(held, SyncMethod.SOA, soa)
    method = SyncMethod.INCREMENTAL if is_incremental(job, soa) else SyncMethod.FULL
    try:
        if method == SyncMethod.INCREMENTAL:
            try:
                return from_server(job, server, soa, job.zone.serial)
            except NeedsFullTransfer as error:
                log.info("%s: all of it is needed: %s", job.zone, error)
                method = SyncMethod.FULL
        return from_server(job, server, soa, None)
    except NameServerError as error:
        return failed(job, error, method)
    except SourceError as error:
        log.warning("%s from %s: %s", job.zone, server, error)
        return failure(method, SourceFault.BAD_ZONE, f"{server}: {error}", str(server))


def is_incremental(job: Job, soa: Soa) -> bool:
    """Whether changes alone will do: what they are to be applied to must be known, and sound."""
    zone = job.zone
    followed_before = zone.full_at is not None and zone.checked_at is not None
    return (
        followed_before
        and not job.full
        and zone.serial is not None
        and is_newer(soa.serial, zone.serial)
    )


def from_server(job: Job, server: Server, asked: Soa, serial: int | None) -> Finding:
    """Read everything, or what came after `serial`, and bring the registry in step with it.

    Raises `NameServerError`, `SourceError`, and `NeedsFullTransfer` where changes do not do.
    """
    job.say(f"{job.zone}: transfer from {server} …")
    for pause in (*PAUSES, None):
        with fetch(
            server,
            job.zone.name,
            serial=serial,
            deadline=job.limits.transfer,
            stall=job.limits.stall,
            most_bytes=job.limits.most_bytes,
            folder=job.places.spool,
        ) as transfer:
            if not is_newer(asked.serial, transfer.soa.serial):
                return taken(job, server, transfer)
        if pause is not None:
            time.sleep(pause)
    detail = f"serial {asked.serial} when asked, and {transfer.soa.serial} when transferred"
    raise NameServerError(Fault.NOT_SERVED, server, detail)


def taken(job: Job, server: Server, transfer: Transfer) -> Finding:
    if transfer.kind == TransferKind.UNCHANGED:
        return confirmed(job, server, transfer.soa)
    apply = changes if transfer.kind == TransferKind.INCREMENTAL else whole
    return apply(job, transfer)


def changes(job: Job, transfer: Transfer) -> Finding:
    zone, soa = job.zone, transfer.soa
    outline = Outline(zone.name, zone.serial, frozenset(zone.cuts), frozenset(zone.renamed))
    result = do_sync_delta(
        zone,
        source_of(zone, soa, outline),
        incremental(transfer.changes(), outline),
        actor=job.actor,
        at=job.at,
        dry_run=job.dry_run,
    )
    server = str(transfer.server)
    return read(job, result, SyncMethod.INCREMENTAL, serial=soa.serial, server=server, soa=soa)


def whole(job: Job, transfer: Transfer) -> Finding:
    zone, soa, server = job.zone, transfer.soa, str(transfer.server)
    outline = Outline(zone.name, soa.serial, transfer.cuts, transfer.renamed)
    omissions = Omissions()
    result = do_sync_hosts(
        zone,
        source_of(zone, soa, outline),
        job.watched(full_hosts(transfer.records(), outline, omissions)),
        omissions=omissions,
        actor=job.actor,
        at=job.at,
        server=server,
        hold=HoldReason.SERIAL if went_back(zone, soa.serial) else None,
        dry_run=job.dry_run,
    )
    return read(
        job,
        result,
        SyncMethod.FULL,
        serial=soa.serial,
        server=server,
        soa=soa,
        omissions=omissions,
    )


def source_of(zone: Zone, soa: Soa, outline: Outline) -> Source:
    refresh, retry, expire = timers(soa)
    return Source(
        zone.name,
        ZoneKind(zone.kind),
        zone.view,
        soa.serial,
        outline.cuts,
        outline.renamed,
        refresh,
        retry,
        expire,
    )
