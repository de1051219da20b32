"""A zone or list from a file that somebody puts into our folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from whitelist.models.sync_run import HeldTransfer, HoldReason, SyncMethod, SyncOutcome
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.applying.apply import Source, do_sync_hosts
from whitelist.registry.following.fault_words import SourceFault
from whitelist.registry.following.job import (
    Finding,
    Job,
    check_kind,
    failure,
    held_finding,
    read,
    went_back,
)
from whitelist.registry.omissions import Omissions
from whitelist.registry.sources import HostRow, SourceError
from whitelist.registry.sources.csv_file import read_hosts
from whitelist.registry.sources.zone_file import ZoneFile

# The clock of the machine that keeps the file may differ from ours by so much.
SLACK = timedelta(minutes=1)


def from_file(job: Job) -> Finding:
    """Read the zone's file where it changed, or where everything is to be read anyway."""
    try:
        with opened(job.places.zone_files, job.zone.file, job.limits.most_bytes) as file:
            held = job.held
            wanted = job.insists if held else job.full  # a night changes nothing of what is held
            if wanted or has_changed(file, last_read(job.zone, held)):
                return whole(job, file)
            return held_finding(held, SyncMethod.FILE) if held else unchanged(job.zone)
    except SourceError as error:
        detail = f"{job.zone.file}: {'; '.join(str(error).splitlines())}"
        return failure(SyncMethod.FILE, SourceFault.BAD_FILE, detail)


def unchanged(zone: Zone) -> Finding:
    return Finding(SyncOutcome.UNCHANGED, SyncMethod.FILE, serial=zone.serial, is_news=False)


def last_read(zone: Zone, held: HeldTransfer | None) -> datetime | None:
    """When the file was read last so that something came of it."""
    if zone.checked_at is None:
        return None  # what was loaded, was not this file
    times = [zone.full_at, held.held_at if held else None]
    return max((when for when in times if when is not None), default=None)


def has_changed(file: BinaryIO, since: datetime | None) -> bool:
    """By the time of the last change of the inode: a copy can bring along an old time of its
    content, and a rename too makes the file another.
    """
    if since is None:
        return True
    changed = datetime.fromtimestamp(os.fstat(file.fileno()).st_ctime, UTC)
    return changed >= since - SLACK


def check_file_name(name: str) -> None:
    """Raises `SourceError` where the name could lead out of the folder."""
    if not name or name in {".", ".."} or "/" in name or "\0" in name:
        raise SourceError(f"{name!r} is not the name of a file in the folder of ZONE_FILES_DIR")


@contextmanager
def opened(folder: Path, name: str, most_bytes: int) -> Iterator[BinaryIO]:
    """A plain file of that name in the folder itself. Raises `SourceError`.

    No other file of this machine can be reached: not by a path, and not by a link.
    """
    check_file_name(name)
    try:
        # Without O_NONBLOCK a pipe of that name would keep us waiting.
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        is_link = (folder / name).is_symlink()
        reason = "it is a symbolic link" if is_link else error.strerror or str(error)
        raise SourceError(f"cannot read it in {folder}: {reason}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SourceError("not a plain file")
        if status.st_size > most_bytes:
            raise SourceError(f"larger than {most_bytes:,} bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def whole(job: Job, file: BinaryIO) -> Finding:
    zone = job.zone
    omissions = Omissions()
    if zone.kind == ZoneKind.LIST:
        source, rows = Source(zone.name, ZoneKind.LIST, view=zone.view), read_hosts(file)
    else:
        source, rows = master_file(zone, file, omissions)
    result = do_sync_hosts(
        zone,
        source,
        job.watched(complete(rows, file)),
        omissions=omissions,
        actor=job.actor,
        at=job.at,
        hold=HoldReason.SERIAL if went_back(zone, source.serial) else None,
        dry_run=job.dry_run,
    )
    return read(job, result, SyncMethod.FILE, serial=source.serial, omissions=omissions)


def master_file(
    zone: Zone, file: BinaryIO, omissions: Omissions
) -> tuple[Source, Iterator[HostRow]]:
    """Raises `SourceError`, also where it is the file of another zone."""
    content = ZoneFile(file, zone.name, omissions)
    outline = content.outline
    check_kind(zone, outline)
    source = Source(
        outline.apex,
        outline.kind,
        view=zone.view,
        serial=outline.serial,
        cuts=outline.cuts,
        renamed=outline.renamed,
    )
    return source, content.hosts()


def complete(rows: Iterator[HostRow], file: BinaryIO) -> Iterator[HostRow]:
    """The same rows. Raises `SourceError` after the last where the file was written meanwhile."""
    before = written(file)
    yield from rows
    if written(file) != before:
        raise SourceError("it was written while it was read: put it in place by a rename")


def written(file: BinaryIO) -> tuple[int, int]:
    now = os.fstat(file.fileno())
    return now.st_size, now.st_mtime_ns
