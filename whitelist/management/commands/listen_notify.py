"""`manage.py listen_notify`: hears from name servers that a zone has changed."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from whitelist.management.base import DatabaseCommand
from whitelist.models import Zone
from whitelist.models.sync_run import SyncTrigger
from whitelist.registry.following.notify import Known
from whitelist.registry.following.notify_listener import NotifyListener
from whitelist.registry.following.notify_sources import known_zones
from whitelist.registry.following.schedule import request_sync


class Command(DatabaseCommand):
    help = (
        "Listen for NOTIFY from name servers, on UDP and TCP, at the address and port of the"
        " setting NOTIFY_LISTEN, until a signal ends it. A zone that changed is asked about at"
        " once. Without it zones are followed all the same, at their refresh time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """It has none."""

    def handle(self, *_args: Any, **_options: Any) -> None:
        if settings.NOTIFY_LISTEN is None:
            raise CommandError("listen_notify: the setting NOTIFY_LISTEN (ADDRESS:PORT) is not set")
        host, port = settings.NOTIFY_LISTEN
        try:
            listener = NotifyListener(host, port, load=load, ask=ask)
        except OSError as error:
            raise CommandError(
                f"listen_notify: cannot listen on {host} port {port}: {error.strerror}"
            ) from error
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        self.stdout.write(f"listen_notify: listening on {host} port {port}, UDP and TCP")
        listener.run(stopped.is_set)
        listener.close()
        self.stdout.write("listen_notify: ended")


def load() -> Known:
    """A connection that the database has closed meanwhile must not stay in the way."""
    close_old_connections()
    try:
        return known_zones(settings.DNS_KEYS_FILE)
    finally:
        close_old_connections()


def ask(pk: int) -> None:
    close_old_connections()
    try:
        zone = Zone.objects.filter(pk=pk).first()
        if zone is not None:
            request_sync(zone, SyncTrigger.NOTIFY, at=timezone.now())
    finally:
        close_old_connections()
