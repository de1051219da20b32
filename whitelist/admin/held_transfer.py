"""Held transfers: what came, what it would do to whom, and releasing it."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist import audit
from whitelist.admin.base import Tool
from whitelist.admin.change_lists import host_rows, shown_of
from whitelist.admin.chosen_zone import OfZonesAdmin
from whitelist.admin.confirm import confirmation_page, is_confirmed
from whitelist.admin.held_csv import file_name, held_lines
from whitelist.admin.held_release import (
    ContentForm,
    entries_hit,
    first_differences,
    release,
    release_question,
)
from whitelist.admin.sync_run import zone_link
from whitelist.admin.zone_form import may_change_zones
from whitelist.admin_display import admin_url, ago, local, two_lines
from whitelist.models import HeldTransfer, WhitelistEntry, Zone
from whitelist.registry.applying import held as held_transfers

NUMBERS = ("removed", "added", "addresses_lost", "entries_hit")


@admin.register(HeldTransfer)
class HeldTransferAdmin(OfZonesAdmin[HeldTransfer]):
    list_display = ("zone_column", "why", "since", "serial", "changes", "lost", "hit")
    list_filter = ("reason",)
    search_fields = ("zone__name",)
    search_help_text = _("A part of the zone's name")
    sortable_by = ("since",)
    fieldsets = (
        (None, {"fields": ("zone_link", "why", "since", "server", "serials", "digest")}),
        (_("What a release would do"), {"fields": (*NUMBERS, "entries", "difference")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[HeldTransfer]:
        rows = super().get_queryset(request).select_related("zone")
        return rows.defer("hosts", "content", "zone__cuts", "zone__renamed")

    def get_urls(self) -> list[URLPattern]:
        views = {"release": self.release_view, "csv": self.csv_view}
        own = [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"whitelist_heldtransfer_{name}",
            )
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def may_change(self, request: HttpRequest) -> bool:
        return may_change_zones(request)

    def tools(self, request: HttpRequest, obj: HeldTransfer) -> list[Tool]:
        tools = [Tool(gettext("Whole difference (CSV)"), self.url_of("csv", obj.pk))]
        if not self.may_change(request):
            return tools
        release = Tool(
            gettext("Release exactly this content…"), self.url_of("release", obj.pk), is_grave=True
        )
        return [*tools, release]

    def release_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The confirmation names serial and digest; only what was looked at is released."""
        self.check_may_change(request)
        held = self.get_object(request, object_id)
        if held is None:
            messages.warning(request, gettext("This transfer is not held any more."))
            return HttpResponseRedirect(self.url_of("changelist"))
        form = ContentForm(
            request.POST if is_confirmed(request) else None,
            initial={"serial": held.serial, "digest": held.digest},
        )
        if form.is_valid():
            actor = audit.staff(cast(Any, request.user))
            level, text = release(held.zone, actor=actor, at=timezone.now(), **form.cleaned_data)
            messages.add_message(request, level, text)
            return HttpResponseRedirect(current_page(held.zone))
        return confirmation_page(
            request, self, release_question(held, self.url_of("change", held.pk)), form
        )

    def csv_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        held = self.found(request, object_id)
        lines = held_lines(held_transfers.difference(held))
        answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{file_name(held)}"'
        return answer

    @admin.display(description=_("zone"))
    def zone_column(self, obj: HeldTransfer) -> str:
        return str(obj.zone)

    @admin.display(description=_("zone"))
    def zone_link(self, obj: HeldTransfer) -> SafeString:
        return zone_link(obj.zone)

    @admin.display(description=_("held because"))
    def why(self, obj: HeldTransfer) -> str:
        return obj.get_reason_display()

    @admin.display(description=_("held since"), ordering="held_at")
    def since(self, obj: HeldTransfer) -> SafeString:
        return two_lines(local(obj.held_at), ago(obj.held_at, timezone.now()))

    @admin.display(description=_("hosts"))
    def changes(self, obj: HeldTransfer) -> str:
        return f"+{obj.added:,} −{obj.removed:,}"

    @admin.display(description=_("addresses lost"))
    def lost(self, obj: HeldTransfer) -> str:
        return f"{obj.addresses_lost:,} / {obj.addresses_before:,}"

    @admin.display(description=_("entries hit"))
    def hit(self, obj: HeldTransfer) -> str:
        return f"{obj.entries_hit:,}"

    @admin.display(description=_("serial"))
    def serials(self, obj: HeldTransfer) -> str:
        numbers = {"held": obj.serial or "–", "stored": obj.zone.serial or "–"}
        return gettext("%(held)s (in force: %(stored)s)") % numbers

    @admin.display(description=_("entries that would lose their ground"))
    def entries(self, obj: HeldTransfer) -> SafeString | str:
        entries = entries_hit(obj, timezone.now())
        if not entries:
            return gettext("none")
        rows = format_html_join(
            "",
            '<li><a href="{}">{}</a> <span class="ip">{}</span> {}</li>',
            (
                (admin_url(WhitelistEntry, "change", entry.pk), entry.reference, entry.address,
                 entry.hostname)
                for entry in entries
            ),
        )  # fmt: skip
        return format_html('<ul class="reasons">{}</ul>', rows)

    @admin.display(description=_("difference"))
    def difference(self, obj: HeldTransfer) -> SafeString | str:
        lines = first_differences(obj)
        if not lines:
            return gettext("none")
        return format_html("{}{}", shown_of(len(lines), obj.added + obj.removed), host_rows(lines))


def current_page(zone: Zone) -> str:
    """What is held of the zone now, which may be something else; or the zone itself."""
    held = HeldTransfer.objects.filter(zone=zone).only("pk").first()
    return (
        admin_url(HeldTransfer, "change", held.pk) if held else admin_url(Zone, "change", zone.pk)
    )
