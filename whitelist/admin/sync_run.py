"""Sync runs: what following a zone has done, or why it could not."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist.admin.base import BoundedPaginator
from whitelist.admin.change_lists import host_rows, shown_of
from whitelist.admin.chosen_zone import ChosenZone, OfZonesAdmin
from whitelist.admin.omission_names import omission_name
from whitelist.admin_display import admin_url, local, tag, time_and_day, two_lines
from whitelist.models import HostChange, SyncRun, Zone
from whitelist.models.sync_run import SyncMethod, SyncOutcome
from whitelist.registry.following.fault_words import words

MOST_SHOWN = 200
TONES: dict[str, str] = {
    SyncOutcome.UNCHANGED: "off",
    SyncOutcome.APPLIED: "ok",
    SyncOutcome.HELD: "warn",
    SyncOutcome.FAILED: "stop",
}
SHORT: dict[str, Any] = {
    SyncMethod.SOA: "SOA",
    SyncMethod.FULL: "AXFR",
    SyncMethod.INCREMENTAL: "IXFR",
    SyncMethod.FILE: _("file"),
}


@admin.register(SyncRun)
class SyncRunAdmin(OfZonesAdmin[SyncRun]):
    list_display = ("time", "zone_column", "result", "change", "how")
    list_select_related = ("zone",)
    list_filter = (
        ChosenZone,
        "outcome",
        "trigger",
        "method",
        ("started_at", admin.DateFieldListFilter),
    )
    search_fields = ("zone__name",)
    search_help_text = _("A part of the zone's name")
    sortable_by = ("time",)
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("zone_link", "ended", "what", "to_do", "fault_detail")}),
        (_("How"), {"fields": ("started", "took", "why", "actor", "method", "server")}),
        (_("What changed"), {"fields": ("serials", "changes", "omitted", "hosts")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncRun]:
        return (
            super()
            .get_queryset(request)
            .select_related("zone")
            .defer("zone__cuts", "zone__renamed")
        )

    def get_fieldsets(self, request: HttpRequest, obj: SyncRun | None = None) -> Any:
        if obj is not None and obj.fault:
            return self.fieldsets
        head = (None, {"fields": ("zone_link", "result")})
        return (head, *self.fieldsets[1:])

    @admin.display(description=_("started"), ordering="started_at")
    def time(self, obj: SyncRun) -> SafeString:
        return time_and_day(obj.started_at)

    @admin.display(description=_("what changed"))
    def change(self, obj: SyncRun) -> SafeString:
        return two_lines(serials_words(obj), changes_words(obj))

    @admin.display(description=_("why and how"))
    def how(self, obj: SyncRun) -> SafeString:
        why = (obj.get_trigger_display(), obj.actor)
        way = (SHORT[obj.method], obj.server, self.took(obj))
        return two_lines(*(" · ".join(filter(None, words)) for words in (why, way)))

    @admin.display(description=_("started"))
    def started(self, obj: SyncRun) -> str:
        return local(obj.started_at)

    @admin.display(description=_("zone"))
    def zone_column(self, obj: SyncRun) -> str:
        return str(obj.zone)

    @admin.display(description=_("zone"))
    def zone_link(self, obj: SyncRun) -> SafeString:
        return zone_link(obj.zone)

    @admin.display(description=_("outcome"))
    def result(self, obj: SyncRun) -> SafeString:
        return outcome_tag(obj)

    @admin.display(description=_("outcome"))
    def ended(self, obj: SyncRun) -> SafeString:
        return tag(obj.get_outcome_display(), TONES[obj.outcome])

    @admin.display(description=_("serial"))
    def serials(self, obj: SyncRun) -> str:
        return serials_words(obj)

    @admin.display(description=_("hosts"))
    def changes(self, obj: SyncRun) -> str:
        return changes_words(obj)

    @admin.display(description=_("why"))
    def why(self, obj: SyncRun) -> str:
        return obj.get_trigger_display()

    @admin.display(description=_("took"))
    def took(self, obj: SyncRun) -> str:
        seconds = (obj.finished_at - obj.started_at).total_seconds()
        return gettext("%(seconds)s s") % {"seconds": f"{seconds:.2f}"}

    @admin.display(description=_("what happened"))
    def what(self, obj: SyncRun) -> str:
        return str(words(obj.fault).what)

    @admin.display(description=_("what to do"))
    def to_do(self, obj: SyncRun) -> str:
        return str(words(obj.fault).to_do)

    @admin.display(description=_("records left out"))
    def omitted(self, obj: SyncRun) -> str:
        parts = (f"{omission_name(reason)} {count:,}" for reason, count in obj.left_out.items())
        return " · ".join(parts) or gettext("none")

    @admin.display(description=_("names gained and lost"))
    def hosts(self, obj: SyncRun) -> SafeString | str:
        rows = changes_of(obj)[:MOST_SHOWN]
        if not rows:
            return gettext("none noted")
        lines = [("+" if row.added else "-", row.address, row.name) for row in rows]
        return format_html("{}{}", shown_of(len(lines), obj.added + obj.removed), host_rows(lines))


def changes_of(run: SyncRun) -> QuerySet[HostChange]:
    """What the run changed: one sync a zone runs at a time, so its zone and times tell."""
    within = HostChange.objects.filter(
        zone=run.zone_id, at__gte=run.started_at, at__lte=run.finished_at
    )
    return within.order_by("address", "added", "name")


def zone_link(zone: Zone) -> SafeString:
    return format_html('<a href="{}">{}</a>', admin_url(Zone, "change", zone.pk), zone)


def outcome_tag(run: SyncRun) -> SafeString:
    """With the reason below it, where it was held or failed."""
    why = words(run.fault).what if run.fault else run.get_hold_reason_display()
    outcome = tag(run.get_outcome_display(), TONES[run.outcome])
    return two_lines(outcome, why) if why else outcome


def serials_words(run: SyncRun) -> str:
    """`2026112401 → 2026112402`, or the one that it was and stayed."""
    before, after = run.serial_before, run.serial_after
    if before == after or after is None:
        return "–" if before is None else str(before)
    return f"{'–' if before is None else before} → {after}"


def changes_words(run: SyncRun) -> str:
    """`+12 −3`, and how many records are left out."""
    if run.outcome in {SyncOutcome.UNCHANGED, SyncOutcome.FAILED}:
        return "–"
    text = f"+{run.added:,} −{run.removed:,}"
    left_out = sum(run.left_out.values())
    if not left_out:
        return text
    return f"{text} · " + gettext("%(count)s left out") % {"count": f"{left_out:,}"}
