"""The back office's index: facts, each a link; what needs attention; plots of a stretch of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import cast
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from whitelist.admin_display import admin_url, ago, local
from whitelist.dashboard import attention, charts, figures, rankings
from whitelist.dashboard.campus import Campus
from whitelist.dashboard.charts import Chart
from whitelist.dashboard.line import Line
from whitelist.dashboard.networks import by_network
from whitelist.dashboard.periods import CODES, Period, period_of, ranked_period
from whitelist.dashboard.rankings import Ranking
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
from whitelist.models.relay import RelayState
from whitelist.models.zone import ZoneState
from whitelist.registry.following.zone_states import TROUBLES
from whitelist.units import units_of

RECENT = 8
Sees = Callable[[type[Model]], bool]


@dataclass(frozen=True)
class Fact:
    """One tile: what, how many, a line below, and whether it is well (`ok`, `go`, `warn`)."""

    label: str
    value: str
    note: str
    url: str
    tone: str = ""


@dataclass(frozen=True)
class Dashboard:
    """All that one user may see; `ranges`: (code, name, whether it is the one that is shown)."""

    period: Period
    facts: list[Fact]
    lines: list[Line]
    ranges: list[tuple[str, str, bool]]
    charts: list[Chart] = field(default_factory=list)
    rankings: list[Ranking] = field(default_factory=list)
    pause_url: str = ""

    @property
    def range_name(self) -> str:
        return str(charts.NAMES[self.period.code])


def dashboard(user: User | AnonymousUser, at: datetime, code: str = "") -> Dashboard | None:
    """For who may see any fact of the campus; a bounded number of queries, whatever its size."""
    campus, sees = Campus(at), cast(Sees, partial(may_see, user))
    found = facts(user, at, campus)
    if not found:
        return None
    period = period_of(code, at, timezone.get_current_timezone())
    return Dashboard(
        period=period,
        facts=found,
        lines=attention.lines(campus, sees),
        ranges=[(name, str(charts.NAMES[name]), name == period.code) for name in CODES],
        charts=found_charts(period, campus, sees),
        rankings=found_rankings(period, sees),
        pause_url=pause_url(user, campus),
    )


def pause_url(user: User | AnonymousUser, campus: Campus) -> str:
    """Where to pause the service, for who may; empty while it is paused."""
    if not user.has_perm("whitelist.change_servicesettings") or campus.settings.is_paused(
        campus.at
    ):
        return ""
    return admin_url(ServiceSettings, "pause")


def found_charts(period: Period, campus: Campus, sees: Sees) -> list[Chart]:
    if not sees(AuditRecord):
        return []
    hours = figures.by_hour(period)
    found = [charts.requests_chart(period, figures.requests(period, hours))]
    if sees(WhitelistEntry):
        ranked = ranked_period(period)
        most = figures.most_active(period, hours, campus.entries.active)
        found += [
            charts.effect_chart(ranked, figures.seconds_to_effect(ranked)),
            charts.active_chart(period, most),
        ]
    return found


def found_rankings(period: Period, sees: Sees) -> list[Ranking]:
    if not sees(AuditRecord):
        return []
    found = [rankings.refusals_ranking(figures.refusals(period))]
    if sees(WhitelistEntry):
        found.append(rankings.units_ranking(figures.top_units(period)))
        uses = by_network(figures.uses_by_address(period), figures.all_networks(), figures.TOP)
        found.append(rankings.networks_ranking(uses, with_links=sees(Network)))
    return found


def facts(user: User | AnonymousUser, at: datetime, campus: Campus | None = None) -> list[Fact]:
    """What this user may see of the service's state: eight queries at most."""
    campus, found = campus or Campus(at), list[Fact]()
    if may_see(user, WhitelistEntry):
        found += entry_facts(campus)
    if may_see(user, AuditRecord):
        found += request_facts(at)
    if may_see(user, AccessMap) and may_see(user, Relay):
        found += relay_facts(campus)
    if may_see(user, Network) and may_see(user, Host):
        found.append(registry_fact(campus, with_zones=may_see(user, Zone)))
    if may_see(user, ServiceSettings):
        found.append(service_fact(campus))
    return found


def may_see(user: User | AnonymousUser, model: type[Model]) -> bool:
    """Whoever is confined to some units gets none of the facts, which are of the whole campus."""
    if units_of(user) is not None:
        return False
    opts = model._meta
    return any(
        user.has_perm(f"{opts.app_label}.{action}_{opts.model_name}")
        for action in ("view", "change")
    )


def entry_facts(campus: Campus) -> list[Fact]:
    entries, url = campus.entries, admin_url(WhitelistEntry, "changelist")
    units = ngettext("%(count)d unit", "%(count)d units", entries.units)
    waits = _("the oldest: requested %(ago)s") % {"ago": ago(entries.oldest, campus.at)}
    return [
        Fact(
            _("Active now"),
            f"{entries.active:,}",
            units % {"count": entries.units},
            f"{url}?state=active",
        ),
        Fact(
            _("Applying"),
            f"{entries.applying:,}",
            waits if entries.applying else _("nobody waits"),
            f"{url}?state=applying",
            ("warn" if entries.slow else "go") if entries.applying else "",
        ),
    ]


def request_facts(at: datetime) -> list[Fact]:
    now = timezone.localtime(at)
    today, url = figures.today(now), admin_url(AuditRecord, "changelist")
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    # As the list's own filter "Today" spells it, which then is the one that is marked.
    since = urlencode({"at__gte": midnight, "at__lt": midnight + timedelta(days=1)})
    usual = _("usual by this time: %(number)s") % {"number": f"{today.usual:,.0f}"}
    share = today.refused / today.requests if today.requests else 0
    week = today.week_refused / today.week if today.week else 0
    words = _("%(share)s; the week before: %(week)s")
    note = words % {"share": f"{share:.0%}", "week": f"{week:.0%}" if today.week else "–"}
    actions = ",".join(figures.REQUESTS)
    return [
        Fact(
            _("Requests today"),
            f"{today.requests:,}",
            usual,
            f"{url}?action__in={actions}&{since}",
        ),
        Fact(
            _("Refused today"),
            f"{today.refused:,}",
            note,
            f"{url}?action__exact=entry_refused&{since}",
        ),
    ]


def relay_facts(campus: Campus) -> list[Fact]:
    access_map, relays = campus.access_map, campus.relays
    silence = campus.settings.relay_silence
    states = [relay.state(access_map.serial, campus.at, silence) for relay in relays]
    in_sync = states.count(RelayState.IN_SYNC)
    heard = max((relay.reported_at for relay in relays if relay.reported_at), default=None)
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
            f"{in_sync} / {len(relays)}",
            _("last report %(ago)s") % {"ago": ago(heard, campus.at)},
            admin_url(Relay, "changelist"),
            "ok" if in_sync == len(relays) > 0 else "warn",
        ),
    ]


def registry_fact(campus: Campus, *, with_zones: bool) -> Fact:
    """The worst state of the zones that are followed; where all is well, how fresh they are."""
    hosts = f"{Zone.objects.aggregate(number=Sum('hosts_count'))['number'] or 0:,}"
    if with_zones:
        states = campus.zones
        for state in (*TROUBLES, ZoneState.NEVER):
            if state in states:
                return trouble_fact(state, states[state]["zones"])
        if ZoneState.OK in states:
            oldest = {"ago": ago(states[ZoneState.OK]["oldest"], campus.at)}
            note = _("names; in step, the oldest confirmed %(ago)s") % oldest
            return Fact(_("Registry"), hosts, note, admin_url(Zone, "changelist"), "ok")
    networks = f"{Network.objects.count():,}"
    note = _("registered names in %(count)s networks") % {"count": networks}
    return Fact(_("Registry"), hosts, note, admin_url(Host, "changelist"))


def trouble_fact(state: ZoneState, zones: int) -> Fact:
    count = ngettext("%(count)s zone", "%(count)s zones", zones) % {"count": f"{zones:,}"}
    url = f"{admin_url(Zone, 'changelist')}?state={state}"
    tone = "go" if state == ZoneState.NEVER else "warn"
    return Fact(_("Registry"), count, str(state.label), url, tone)


def service_fact(campus: Campus) -> Fact:
    settings = campus.settings
    url = admin_url(ServiceSettings, "change", settings.pk)
    if settings.is_paused(campus.at):
        until = local(settings.paused_until, seconds=False)
        note = (
            _("until %(time)s") % {"time": until} if settings.paused_until else _("until resumed")
        )
        return Fact(_("Service"), _("Paused"), note, url, "warn")
    note = _("term %(minutes)d minutes") % {"minutes": settings.term_minutes}
    return Fact(_("Service"), _("Open"), note, url, "ok")


def recent_records(user: User | AnonymousUser) -> list[AuditRecord]:
    return list(AuditRecord.objects.all()[:RECENT]) if may_see(user, AuditRecord) else []
