"""Relays: what they report is read; whether they count is decided here."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from whitelist import audit
from whitelist.admin.base import OurAdmin
from whitelist.admin_display import local, tag
from whitelist.models import AccessMap, Relay
from whitelist.models.access_map import THE_MAP
from whitelist.models.audit import AuditAction


@admin.register(Relay)
class RelayAdmin(OurAdmin[Relay]):
    list_display = ("name", "is_active", "state", "installed_serial", "reported", "last_error")
    list_filter = ("is_active",)
    search_fields = ("name",)
    fields = ("name", "is_active", "state", "installed_serial", "reported", "last_error")
    readonly_fields = ("name", "state", "installed_serial", "reported", "last_error")
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Relay | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Relay]:
        wanted = AccessMap.objects.filter(pk=THE_MAP).values("serial")
        return super().get_queryset(request).annotate(wanted_serial=wanted)

    def save_model(self, request: HttpRequest, obj: Relay, form: Any, change: bool) -> None:
        if "is_active" not in form.changed_data:
            return
        # That field alone: a report may have come in since the form was shown.
        obj.save(update_fields=["is_active"])
        audit.record(
            AuditAction.SETTINGS_CHANGED,
            actor=audit.staff(cast(Any, request.user)),
            at=timezone.now(),
            before={"relay": obj.name, "is_active": not obj.is_active},
            after={"relay": obj.name, "is_active": obj.is_active},
        )

    @admin.display(description=_("state"))
    def state(self, obj: Relay) -> SafeString:
        if obj.last_error:
            return tag(_("Error"), "stop")
        if obj.reported_at is None:
            return tag(_("Never reported"), "warn")
        wanted = cast(Any, obj).wanted_serial
        return tag(_("In sync"), "ok") if obj.installed_serial >= wanted else tag(_("Behind"), "go")

    @admin.display(description=_("last report"), ordering="reported_at")
    def reported(self, obj: Relay) -> str:
        return local(obj.reported_at)
