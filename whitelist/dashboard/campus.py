"""What several lines and figures rest on, asked once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from whitelist.dashboard import figures
from whitelist.models import AccessMap, AuditRecord, Relay, ServiceSettings
from whitelist.models.audit import AuditAction

# Publications take a second and relays ask every few: what is late by this is not on its way.
LATE = timedelta(minutes=2)
CHANGES = (AuditAction.OPENED, AuditAction.EXTENDED, AuditAction.ENDED)
MOST_CHANGES = 50


class Campus:
    """The whole campus at one moment; each part is asked for when it is first needed."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    @cached_property
    def entries(self) -> figures.EntriesNow:
        return figures.entries_now(self.at)

    @cached_property
    def access_map(self) -> AccessMap:
        return AccessMap.objects.get()

    @cached_property
    def relays(self) -> list[Relay]:
        return list(Relay.objects.active())

    @cached_property
    def settings(self) -> ServiceSettings:
        return ServiceSettings.load()

    @cached_property
    def zones(self) -> dict[str, dict[str, Any]]:
        return figures.zones_by_state(self.at)

    @cached_property
    def changes(self) -> list[datetime]:
        """When the last changes of entries were made, the latest first."""
        rows = AuditRecord.objects.filter(action__in=CHANGES, at__lte=self.at).order_by("-at")
        return list(rows.values_list("at", flat=True)[:MOST_CHANGES])

    def since(self, serial: int) -> datetime | None:
        """About when the map went beyond that serial: each change raises it by one."""
        behind = self.access_map.serial - serial
        if behind <= 0 or not self.changes:
            return None
        return self.changes[min(behind, len(self.changes)) - 1]

    def is_late(self, serial: int) -> bool:
        since = self.since(serial)
        return since is not None and self.at - since > LATE
