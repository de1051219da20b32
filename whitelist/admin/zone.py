"""Zones are loaded from name servers and files; here one looks at what was loaded."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from whitelist.admin.base import ReadOnlyAdmin
from whitelist.admin_display import admin_url, local
from whitelist.models import Host, Zone


@admin.register(Zone)
class ZoneAdmin(ReadOnlyAdmin[Zone]):
    list_display = ("name", "kind", "serial", "loaded", "hosts_link")
    list_filter = ("kind",)
    search_fields = ("name",)
    fields = ("name", "kind", "serial", "loaded", "hosts_link")

    @admin.display(description=_("last loaded"), ordering="loaded_at")
    def loaded(self, obj: Zone) -> str:
        return local(obj.loaded_at)

    @admin.display(description=_("hosts"))
    def hosts_link(self, obj: Zone) -> SafeString:
        url = f"{admin_url(Host, 'changelist')}?zone__id__exact={obj.pk}"
        return format_html('<a href="{}">{}</a>', url, _("Show hosts"))
