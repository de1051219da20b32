"""What somebody should do something about: one line each, leading to where it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db.models import Model
from django_celery_beat.models import PeriodicTask

from whitelist.dashboard import running, unusual, waiting
from whitelist.dashboard.campus import Campus
from whitelist.dashboard.line import TONES, Line
from whitelist.models import (
    AccessMap,
    AuditRecord,
    HeldTransfer,
    Host,
    Notice,
    Relay,
    ServiceSettings,
    WhitelistEntry,
    Zone,
)

Source = Callable[[Campus], Iterator[Line]]

# What one must be allowed to see, and what then is told; of equal weight, the first comes first.
SOURCES: tuple[tuple[tuple[type[Model], ...], Source], ...] = (
    ((WhitelistEntry,), running.stuck_entries),
    ((Relay,), running.the_relays),
    ((AccessMap,), running.the_map),
    ((PeriodicTask,), running.the_schedules),
    ((WhitelistEntry,), running.unclosed_entries),
    ((ServiceSettings,), running.the_pause),
    ((HeldTransfer,), waiting.held_transfers),
    ((Zone,), waiting.the_zones),
    ((AuditRecord, Host), waiting.pending_reviews),
    ((WhitelistEntry,), unusual.much_is_sent),
    ((WhitelistEntry,), unusual.one_person_many_addresses),
    ((WhitelistEntry,), unusual.one_address_many_persons),
    ((Notice,), waiting.undelivered_letters),
)


def lines(campus: Campus, sees: Callable[[type[Model]], bool]) -> list[Line]:
    """The worst first, of those sources whose rows one may see."""
    found = [
        line
        for models, source in SOURCES
        if all(sees(model) for model in models)
        for line in source(campus)
    ]
    return sorted(found, key=lambda line: TONES.index(line.tone))
