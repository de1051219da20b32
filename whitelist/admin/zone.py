"""Zones: how far each can be relied on, what is wrong, and where it is followed from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import DateTimeField, QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist.admin.base import OurAdmin, Tool
from whitelist.admin.filters import DistinctFilter
from whitelist.admin.omission_names import omission_name
from whitelist.admin.registry_audit import record_change, snapshot
from whitelist.admin.sync_run import changes_words, outcome_tag, serials_words
from whitelist.admin.zone_actions import ask_for_syncs
from whitelist.admin.zone_form import ServerInline, ZoneForm
from whitelist.admin.zone_standing import TONES, standing
from whitelist.admin_display import admin_url, ago, local, span, tag, two_lines
from whitelist.models import Host, OmittedRecord, SyncRun, Zone
from whitelist.models.zone import ZoneKind, ZoneSource, ZoneState
from whitelist.registry.following.zone_states import derived_state

RUNS_SHOWN = 10
SETTINGS = ("view", "source", "file", "loss_allowed")
RECORDED = ("name", "kind", *SETTINGS)
# Who changes one of these wants to see what comes of it.
DUE_AFTER = {"view", "source", "file"}
# What may be large, and is not shown.
BULKY = ("cuts", "renamed", "held__hosts", "held__content")
KINDS = {
    ZoneKind.FORWARD: _("Forward"),
    ZoneKind.REVERSE: _("Reverse"),
    ZoneKind.LIST: _("List"),
}
SOURCES = {
    ZoneSource.HAND: _("by hand"),
    ZoneSource.SERVERS: _("name servers"),
    ZoneSource.FILE: _("file"),
}


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(ZoneState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ZoneState.values:
            zones = queryset.annotate(is_in=derived_state(timezone.now()))
            queryset = zones.filter(is_in=self.value())
        return queryset


class ViewFilter(DistinctFilter):
    title = _("view")
    parameter_name = "view"
    field = "view"


@admin.register(Zone)
class ZoneAdmin(OurAdmin[Zone]):
    form = ZoneForm
    list_display = ("zone", "state", "serial", "confirmed", "hosts")
    list_filter = (StateFilter, "kind", "source", ViewFilter)
    search_fields = ("name",)
    search_help_text = _("A part of the zone's name")
    sortable_by = ("zone", "confirmed", "hosts")
    list_per_page = 50
    show_full_result_count = False
    actions = ("sync_selected",)
    inlines = (ServerInline,)
    readonly_fields = (
        "kind_and_hosts", "serial", "loaded", "confirmed_at", "next_check_time", "timers",
        "read_in_full", "left_out_reasons",
    )  # fmt: skip
    add_fieldsets = (
        (None, {"fields": ("name", "view")}),
        (_("How it is followed"), {"fields": SETTINGS[1:]}),
    )
    fieldsets = (
        (_("What we hold"), {"fields": readonly_fields}),
        (_("How it is followed"), {"fields": SETTINGS}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Zone]:
        # One reading of the clock for the whole page.
        now = Value(timezone.now(), output_field=DateTimeField())
        zones = super().get_queryset(request).select_related("held").defer(*BULKY)
        return zones.annotate(seen_at=now)

    def get_fieldsets(self, request: HttpRequest, obj: Zone | None = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_urls(self) -> list[URLPattern]:
        sync = self.admin_site.admin_view(self.sync_view)
        name = "whitelist_zone_sync"
        return [path("<path:object_id>/sync/", sync, name=name), *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Zone | None = None) -> bool:
        return False  # with its hosts and history; whoever wants it no more stops following it

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return self.may_change(request)

    def tools(self, request: HttpRequest, obj: Zone) -> list[Tool]:
        if not (obj.is_followed and self.may_change(request)):
            return []
        url = self.url_of("sync", obj.pk)
        return [
            Tool(gettext("Sync now"), url, method="post"),
            Tool(gettext("Read in full"), f"{url}?full=1", method="post"),
        ]

    def sync_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.check_may_change(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        zone = self.found(request, object_id)
        ask_for_syncs(request, [zone], full="full" in request.GET)
        return self.back_to(zone)

    @admin.action(description=_("Sync selected zones now"), permissions=["sync"])
    def sync_selected(self, request: HttpRequest, queryset: QuerySet[Zone]) -> None:
        ask_for_syncs(request, queryset)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        zone = kwargs.get("obj")
        if zone is not None:
            context |= {
                "standing": standing(zone, seen_at(zone)),
                "runs": recent_runs(zone),
                "runs_url": of_zone(SyncRun, zone),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Zone, form: Any, change: bool) -> None:
        if not change:
            form.before = None
            obj.save()
            return
        stored = Zone.objects.get(pk=obj.pk)
        form.before = recorded(stored)
        changed = [name for name in SETTINGS if name in form.changed_data]
        if DUE_AFTER.intersection(changed):
            obj.next_check_at = None
            changed.append("next_check_at")
        # These alone: a sync may have written to the row since the form was shown.
        obj.save(update_fields=changed)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        zone = form.instance
        if any(formset.has_changed() for formset in formsets):
            Zone.objects.filter(pk=zone.pk).update(next_check_at=None)
        record_change(request, timezone.now(), before=form.before, after=recorded(zone))

    @admin.display(description=_("zone"), ordering="name")
    def zone(self, obj: Zone) -> SafeString:
        words = [str(KINDS[ZoneKind(obj.kind)]), str(SOURCES[ZoneSource(obj.source)])]
        return two_lines(obj, " · ".join(words))

    @admin.display(description=_("state"))
    def state(self, obj: Zone) -> SafeString:
        state = obj.state(seen_at(obj))
        return tag(state.label, TONES[state])

    @admin.display(description=_("last confirmed"), ordering="checked_at")
    def confirmed(self, obj: Zone) -> SafeString | str:
        if not obj.is_followed:
            return "–"
        next_at = obj.next_check_at
        is_due = next_at is None or next_at <= seen_at(obj)
        # Never more than a day ahead, so that the hour tells.
        time = gettext("now") if is_due else f"{timezone.localtime(next_at):%H:%M}"
        return two_lines(
            ago(obj.checked_at, seen_at(obj)), gettext("next check: %(time)s") % {"time": time}
        )

    @admin.display(description=_("hosts"), ordering="hosts_count")
    def hosts(self, obj: Zone) -> SafeString:
        left_out = f"{sum(obj.left_out.values()):,}"
        return two_lines(
            f"{obj.hosts_count:,}", gettext("%(count)s left out") % {"count": left_out}
        )

    @admin.display(description=_("hosts"))
    def kind_and_hosts(self, obj: Zone) -> SafeString:
        return format_html(
            '{} · {} · <a href="{}">{}</a>',
            obj.get_kind_display(),
            f"{obj.hosts_count:,}",
            of_zone(Host, obj),
            _("Show hosts"),
        )

    @admin.display(description=_("last loaded"))
    def loaded(self, obj: Zone) -> str:
        return local(obj.loaded_at)

    @admin.display(description=_("last confirmed"))
    def confirmed_at(self, obj: Zone) -> str:
        return local(obj.checked_at)

    @admin.display(description=_("next check"))
    def next_check_time(self, obj: Zone) -> str:
        if obj.is_followed and obj.next_check_at is None:
            return gettext("now")
        return local(obj.next_check_at) if obj.is_followed else "–"

    @admin.display(description=_("times of the zone"))
    def timers(self, obj: Zone) -> str:
        text = gettext("refresh %(refresh)s · retry %(retry)s · expire %(expire)s")
        spans = {name: span(getattr(obj, name)) for name in ("refresh", "retry", "expire")}
        return text % spans

    @admin.display(description=_("last read in full"))
    def read_in_full(self, obj: Zone) -> str:
        return local(obj.full_at)

    @admin.display(description=_("records left out"))
    def left_out_reasons(self, obj: Zone) -> SafeString | str:
        if not obj.left_out:
            return gettext("none")
        url = of_zone(OmittedRecord, obj)
        most_first = sorted(obj.left_out.items(), key=lambda item: -item[1])
        rows = format_html_join(
            "",
            '<li><a href="{}&amp;reason={}">{}</a> <span class="num">{}</span></li>',
            ((url, reason, omission_name(reason), f"{count:,}") for reason, count in most_first),
        )
        return format_html('<ul class="reasons">{}</ul>', rows)


def of_zone(model: type[Any], zone: Zone) -> str:
    """The list of a model, of this zone only."""
    return f"{admin_url(model, 'changelist')}?zone__id__exact={zone.pk}"


def seen_at(zone: Zone) -> datetime:
    """When the page read the clock (an annotation of the page's query)."""
    at: datetime = getattr(zone, "seen_at", None) or timezone.now()
    return at


def recorded(zone: Zone) -> dict[str, Any]:
    """What the audit keeps of a zone's settings."""
    servers = [
        f"{server} {server.key_name}".rstrip() for server in zone.servers.order_by("position", "pk")
    ]
    return {**snapshot(zone, RECORDED), "servers": ", ".join(servers)}


def recent_runs(zone: Zone) -> list[dict[str, Any]]:
    return [
        {
            "url": admin_url(SyncRun, "change", run.pk),
            "time": local(run.started_at),
            "outcome": outcome_tag(run),
            "why": run.get_trigger_display(),
            "actor": run.actor,
            "serials": serials_words(run),
            "changes": changes_words(run),
        }
        for run in zone.runs.all()[:RUNS_SHOWN]
    ]
