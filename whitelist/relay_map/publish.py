"""Bringing this machine's map up to date with what is active now."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from relay_agent.install import InstallError, install
from whitelist.models.access_map import THE_MAP, AccessMap
from whitelist.models.entry import WhitelistEntry
from whitelist.models.relay import LOCAL_RELAY, Relay
from whitelist.relay_map.acknowledge import acknowledge
from whitelist.relay_map.render import exemptions


@dataclass(frozen=True)
class Publication:
    """What one publication did: the serial it carries, and the entries in the table."""

    serial: int
    entries: int


def publish_access_map() -> Publication:
    """Write the map of what is active now, and acknowledge it for the local relay.

    Holds a lock from reading to installing, so that an older reading never overwrites a newer
    one. The serial is read before the entries: these then hold every change up to it. Raises
    `InstallError` when a table could not be brought up to date; the relay's row tells why.
    """
    folder: Path = settings.ACCESS_MAP_DIR
    folder.mkdir(parents=True, exist_ok=True)
    with publish_lock(folder):
        serial = AccessMap.objects.values_list("serial", flat=True).get(pk=THE_MAP)
        now = timezone.now()
        wanted = exemptions(active_rows(now), now)
        try:
            install(folder, settings.ACCESS_MAP_TYPES, wanted)
        except InstallError as error:
            Relay.objects.filter(name=LOCAL_RELAY).update(last_error=str(error))
            raise
        store_publication(serial, len(wanted), timezone.now())
    return Publication(serial, len(wanted))


def publish_if_owed() -> Publication | None:
    """Publish when a serial waits, or when the table must lose what has lapsed."""
    access_map = AccessMap.objects.get(pk=THE_MAP)
    behind = Relay.objects.filter(name=LOCAL_RELAY, installed_serial__lt=access_map.serial).exists()
    if behind or access_map.published_serial < access_map.serial:
        return publish_access_map()
    return None


def active_rows(at: datetime) -> Iterator[tuple[str, datetime]]:
    rows = WhitelistEntry.objects.active(at).order_by().values_list("address", "expires_at")
    return rows.iterator(chunk_size=10_000)


@transaction.atomic
def store_publication(serial: int, entries: int, at: datetime) -> None:
    AccessMap.objects.filter(pk=THE_MAP).update(
        published_serial=serial, published_at=at, entries=entries
    )
    acknowledge(LOCAL_RELAY, serial=serial, at=at)


@contextmanager
def publish_lock(folder: Path) -> Iterator[None]:
    """One publisher at a time, over processes; the kernel frees it when its holder dies."""
    fd = os.open(folder / ".publish.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
