"""For machines: alive, ready, and numbers."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal_auth.errors import PortalUnavailable
from portal_auth.issuers import configured_issuers
from whitelist.models import (
    AccessMap,
    AuditRecord,
    Relay,
    ServiceSettings,
    WhitelistEntry,
    Zone,
)
from whitelist.models.audit import AuditAction
from whitelist.models.zone import ZoneSource
from whitelist.registry.following.zone_states import derived_state

PLAIN = "text/plain; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
# A publication takes a second, and beat finds a lost one within seconds.
OWED_AT_MOST = timedelta(seconds=60)
ENTRY_CHANGES = (AuditAction.OPENED, AuditAction.EXTENDED, AuditAction.ENDED)


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers; asks nothing else."""
    return HttpResponse("ok\n", content_type=PLAIN)


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when the service can open entries, else 503 with one line a reason."""
    reasons = not_ready(timezone.now())
    if reasons:
        return HttpResponse("\n".join(reasons) + "\n", status=503, content_type=PLAIN)
    return HttpResponse("ready\n", content_type=PLAIN)


def not_ready(at: datetime) -> list[str]:
    """Why nobody could open an entry now, one line each; asked of the database and the disk."""
    try:
        reasons = relay_faults(at) + map_faults(AccessMap.objects.get(), at)
    except (DatabaseError, InterfaceError, AccessMap.DoesNotExist) as error:
        reasons = [f"database: {type(error).__name__}"]
    try:
        configured_issuers()
    except PortalUnavailable:
        # The log of a sign-in says which file and why; this page is for anybody who asks.
        reasons.append("portal: the issuers cannot be read")
    return reasons


def relay_faults(at: datetime) -> list[str]:
    """Errors of the relays that count, and how long those have been silent that report."""
    silence = ServiceSettings.load().relay_silence
    faults = [relay_fault(relay, at, silence) for relay in Relay.objects.active()]
    return [fault for fault in faults if fault]


def relay_fault(relay: Relay, at: datetime, silence: timedelta) -> str:
    heard = relay.reported_at or relay.token_issued_at
    if heard is not None and relay.is_silent(at, silence):
        never = "" if relay.reported_at else "never reported, "
        return f"relay {relay.name}: {never}silent for {(at - heard).total_seconds():.0f} s"
    if relay.last_error:
        return f"relay {relay.name}: {relay.last_error.splitlines()[0]}"
    return ""


def map_faults(access_map: AccessMap, at: datetime) -> list[str]:
    if access_map.published_at is None:
        return ["map: never published"]
    if access_map.published_serial >= access_map.serial:
        return []
    seconds = (at - owed_since(access_map.published_at)).total_seconds()
    if seconds <= OWED_AT_MOST.total_seconds():
        return []
    return [f"map: serial {access_map.serial} not published for {seconds:.0f} s"]


def owed_since(published_at: datetime) -> datetime:
    """When the oldest change was made that the last publication does not hold.

    Where none is younger than the publication, one was made while it ran.
    """
    changes = AuditRecord.objects.filter(action__in=ENTRY_CHANGES, at__gt=published_at)
    first = changes.order_by("at").values_list("at", flat=True).first()
    return first or published_at


@never_cache
@require_safe
def metrics(_request: HttpRequest) -> HttpResponse:
    """Prometheus text: entries, serials, and how far the published map is behind; or 503."""
    try:
        return HttpResponse(measured(), content_type=PROMETHEUS)
    except (DatabaseError, InterfaceError, AccessMap.DoesNotExist) as error:
        text = f"database: {type(error).__name__}\n"
        return HttpResponse(text, status=503, content_type=PLAIN)


def measured() -> str:
    access_map, now = AccessMap.objects.get(), timezone.now()
    active = WhitelistEntry.objects.active(now)
    values = {
        "whitelist_entries_active": active.count(),
        "whitelist_entries_applying": active.filter(effective_at__isnull=True).count(),
        "whitelist_map_serial": access_map.serial,
        "whitelist_map_published_serial": access_map.published_serial,
        "whitelist_map_entries": access_map.entries,
    }
    lines = [f"# TYPE {name} gauge\n{name} {value}" for name, value in values.items()]
    lines += relay_lines(access_map.serial, now)
    return "\n".join([*lines, *zone_lines(now)]) + "\n"


def relay_lines(wanted: int, at: datetime) -> list[str]:
    """Serial, lag, state, age of the last report and clock of each relay that counts."""
    silence = ServiceSettings.load().relay_silence
    samples: dict[str, list[str]] = {
        "installed_serial": [],
        "lag_serials": [],
        "state": [],
        "report_age_seconds": [],
        "clock_offset_seconds": [],
    }
    for relay in Relay.objects.active():
        label = f'relay="{escaped(relay.name)}"'
        behind = max(wanted - relay.installed_serial, 0)
        state = relay.state(wanted, at, silence)
        samples["installed_serial"].append(f"{{{label}}} {relay.installed_serial}")
        samples["lag_serials"].append(f"{{{label}}} {behind}")
        samples["state"].append(f'{{{label},state="{state}"}} 1')
        if relay.reported_at is not None:
            age = (at - relay.reported_at).total_seconds()
            samples["report_age_seconds"].append(f"{{{label}}} {age:.1f}")
        if relay.clock_offset is not None:
            samples["clock_offset_seconds"].append(f"{{{label}}} {relay.clock_offset:.3f}")
    lines = []
    for name, found in samples.items():
        metric = f"whitelist_relay_{name}"
        lines += [f"# TYPE {metric} gauge", *(f"{metric}{sample}" for sample in found)]
    return lines


def zone_lines(at: datetime) -> list[str]:
    """Age, state and size of each zone that is followed or was loaded; one query.

    The age is since the zone was last confirmed; one that never was has none.
    """
    zones = Zone.objects.exclude(source=ZoneSource.HAND, loaded_at=None)
    columns = ("name", "view", "is_in", "checked_at", "hosts_count")
    ages, states, hosts = [], [], []
    for name, view, state, checked_at, count in zones.annotate(is_in=derived_state(at)).values_list(
        *columns
    ):
        labels = f'zone="{escaped(name)}",view="{escaped(view)}"'
        states.append(f'whitelist_zone_state{{{labels},state="{state}"}} 1')
        hosts.append(f"whitelist_zone_hosts{{{labels}}} {count}")
        if checked_at is not None:
            age = (at - checked_at).total_seconds()
            ages.append(f"whitelist_zone_age_seconds{{{labels}}} {age:.0f}")
    lines = []
    for name, samples in (("age_seconds", ages), ("state", states), ("hosts", hosts)):
        lines += [f"# TYPE whitelist_zone_{name} gauge", *samples]
    return lines


def escaped(label: str) -> str:
    """The value of a label as Prometheus reads it between quotation marks."""
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
