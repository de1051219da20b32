"""The facts on top of the back office's index: a handful of counts, each a link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Min, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from whitelist.admin_display import admin_url, ago, local
from whitelist.models import (
    AccessMap,
    AuditRecord,
    Host,
    Network,
    Relay,
    ServiceSettings,
    WhitelistEntry,
    Zone,
)
from whitelist.models.zone import ZoneState
from whitelist.registry.following.zone_states import TROUBLES, derived_state
from whitelist.units import units_of

RECENT = 8


@dataclass(frozen=True)
class Fact:
    """One tile: what, how many, a line below, and whether it is well (`ok`, `go`, `warn`)."""

    label: str
    value: str
    note: str
    url: str
    tone: str = ""


def facts(user: User | AnonymousUser, at: datetime) -> list[Fact]:
    """What this user may see of the service's state: eight queries at most."""
    found: list[Fact] = []
    if may_see(user, WhitelistEntry):
        found += entry_facts(at)
    if may_see(user, AccessMap) and may_see(user, Relay):
        found += relay_facts()
    if may_see(user, Network) and may_see(user, Host):
        found.append(registry_fact(at, with_zones=may_see(user, Zone)))
    if may_see(user, ServiceSettings):
        found.append(service_fact(at))
    return found


def may_see(user: User | AnonymousUser, model: type) -> bool:
    """Whoever is confined to some units gets none of the facts, which are of the whole campus."""
    if units_of(user) is not None:
        return False
    name = model.__name__.lower()
    return user.has_perm(f"whitelist.view_{name}") or user.has_perm(f"whitelist.change_{name}")


def entry_facts(at: datetime) -> list[Fact]:
    counts = WhitelistEntry.objects.active(at).aggregate(
        active=Count("pk"),
        applying=Count("pk", filter=Q(effective_at__isnull=True)),
        units=Count("unit", distinct=True),
    )
    url = admin_url(WhitelistEntry, "changelist")
    applying = counts["applying"]
    return [
        Fact(
            _("Active now"),
            f"{counts['active']:,}",
            _("%(count)d units") % {"count": counts["units"]},
            f"{url}?state=active",
        ),
        Fact(
            _("Applying"),
            f"{applying:,}",
            _("waiting for the relays") if applying else _("nobody waits"),
            f"{url}?state=applying",
            "go" if applying else "",
        ),
    ]


def relay_facts() -> list[Fact]:
    access_map = AccessMap.objects.get()
    relays = Relay.objects.active().aggregate(
        total=Count("pk"),
        in_sync=Count("pk", filter=Q(installed_serial__gte=access_map.serial, last_error="")),
    )
    in_sync = relays["total"] == relays["in_sync"] > 0
    owed = access_map.published_serial < access_map.serial
    return [
        Fact(
            _("Map serial"),
            f"{access_map.published_serial:,}",
            _("published %(time)s") % {"time": local(access_map.published_at)}
            if not owed
            else _("%(serial)s is wanted") % {"serial": f"{access_map.serial:,}"},
            admin_url(AccessMap, "change", access_map.pk),
            "go" if owed else "ok",
        ),
        Fact(
            _("Relays in sync"),
            f"{relays['in_sync']} / {relays['total']}",
            _("%(count)s entries in the table") % {"count": f"{access_map.entries:,}"},
            admin_url(Relay, "changelist"),
            "ok" if in_sync else "warn",
        ),
    ]


def registry_fact(at: datetime, *, with_zones: bool) -> Fact:
    """The worst state of the zones that are followed; where all is well, how fresh they are."""
    hosts = f"{Zone.objects.aggregate(number=Sum('hosts_count'))['number'] or 0:,}"
    if with_zones:
        states = zones_by_state(at)
        for state in (*TROUBLES, ZoneState.NEVER):
            if state in states:
                return trouble_fact(state, states[state]["zones"])
        if ZoneState.OK in states:
            oldest = {"ago": ago(states[ZoneState.OK]["oldest"], at)}
            note = _("names; in step, the oldest confirmed %(ago)s") % oldest
            return Fact(_("Registry"), hosts, note, admin_url(Zone, "changelist"), "ok")
    networks = f"{Network.objects.count():,}"
    note = _("registered names in %(count)s networks") % {"count": networks}
    return Fact(_("Registry"), hosts, note, admin_url(Host, "changelist"))


def zones_by_state(at: datetime) -> dict[str, dict[str, Any]]:
    """How many followed zones are in each state, and when the oldest of them was confirmed."""
    followed = Zone.objects.followed().annotate(is_in=derived_state(at)).order_by()
    counts = followed.values("is_in").annotate(zones=Count("pk"), oldest=Min("checked_at"))
    return {row["is_in"]: dict(row) for row in counts}


def trouble_fact(state: ZoneState, zones: int) -> Fact:
    count = ngettext("%(count)s zone", "%(count)s zones", zones) % {"count": f"{zones:,}"}
    url = f"{admin_url(Zone, 'changelist')}?state={state}"
    tone = "go" if state == ZoneState.NEVER else "warn"
    return Fact(_("Registry"), count, str(state.label), url, tone)


def service_fact(at: datetime) -> Fact:
    settings = ServiceSettings.load()
    url = admin_url(ServiceSettings, "change", settings.pk)
    if settings.is_paused(at):
        until = local(settings.paused_until, seconds=False)
        note = (
            _("until %(time)s") % {"time": until} if settings.paused_until else _("until resumed")
        )
        return Fact(_("Service"), _("Paused"), note, url, "warn")
    note = _("term %(minutes)d minutes") % {"minutes": settings.term_minutes}
    return Fact(_("Service"), _("Open"), note, url, "ok")


def recent_records(user: User | AnonymousUser) -> list[AuditRecord]:
    return list(AuditRecord.objects.all()[:RECENT]) if may_see(user, AuditRecord) else []
