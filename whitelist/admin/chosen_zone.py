"""Lists that belong to zones: of one zone where a link says so, and seen by who sees zones."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from whitelist.admin.base import M, ReadOnlyAdmin
from whitelist.admin.zone_form import may_see_zones
from whitelist.models import Zone


class ChosenZone(admin.SimpleListFilter):
    """Names the zone that was chosen elsewhere, and lets go of it; offers no others.

    There may be hundreds of zones: whoever looks for one begins at the zones.
    """

    title = Zone._meta.verbose_name
    parameter_name = "zone__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        value = self.value()
        if not (value and value.isascii() and value.isdigit() and len(value) <= 18):
            return []
        return [(str(zone.pk), str(zone)) for zone in Zone.objects.filter(pk=value)]

    def has_output(self) -> bool:
        return self.value() is not None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        known = {pk for pk, _name in self.lookup_choices}
        return queryset.filter(zone=value) if value in known else queryset.none()


class OfZonesAdmin(ReadOnlyAdmin[M]):
    """Rows that other code writes about zones: who may see zones may see these."""

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return may_see_zones(request) or super().has_view_permission(request, obj)
