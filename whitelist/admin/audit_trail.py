"""An entry's audit records, on the entry's own page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from whitelist.admin.audit import END_REASONS
from whitelist.admin_display import admin_url, local
from whitelist.models import AuditRecord, WhitelistEntry

if TYPE_CHECKING:
    Inline = admin.TabularInline[AuditRecord, WhitelistEntry]
else:
    Inline = admin.TabularInline


class AuditTrail(Inline):
    model = AuditRecord
    fields = ("time", "action", "actor_kind", "actor", "why")
    readonly_fields = ("time", "why")
    verbose_name_plural = _("what happened")
    ordering = ("at", "pk")
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("time"))
    def time(self, obj: AuditRecord) -> SafeString:
        url = admin_url(AuditRecord, "change", obj.pk)
        return format_html('<a href="{}">{}</a>', url, local(obj.at))

    @admin.display(description=_("reason"))
    def why(self, obj: AuditRecord) -> str:
        return str(END_REASONS.get(obj.reason, obj.reason)) or "–"
