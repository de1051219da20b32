"""Records of zones that register nobody: read only, to be found by owner or address."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import AddressError, parse_address
from whitelist.admin.base import BoundedPaginator
from whitelist.admin.chosen_zone import ChosenZone, OfZonesAdmin
from whitelist.admin.omission_names import omission_name
from whitelist.admin_display import ip
from whitelist.models import OmittedRecord
from whitelist.registry.classify import LeftOut


class ReasonFilter(admin.SimpleListFilter):
    title = _("why it is left out")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(reason.value, reason.label) for reason in LeftOut]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(OmittedRecord)
class OmittedRecordAdmin(OfZonesAdmin[OmittedRecord]):
    list_display = ("owner", "type", "target", "why", "address_column", "zone")
    list_select_related = ("zone",)
    list_filter = (ChosenZone, ReasonFilter)
    search_fields = ("owner",)
    search_help_text = _("Exact IP address, or the beginning of an owner or target")
    sortable_by = ()
    list_per_page = 100
    paginator = BoundedPaginator
    show_full_result_count = False
    fields = ("zone", "why", "owner", "type", "target", "address_column")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OmittedRecord], search_term: str
    ) -> tuple[QuerySet[OmittedRecord], bool]:
        term = search_term.strip()
        return (queryset.filter(search_condition(term)) if term else queryset), False

    @admin.display(description=_("why it is left out"))
    def why(self, obj: OmittedRecord) -> str:
        return omission_name(obj.reason)

    @admin.display(description=_("IP address"))
    def address_column(self, obj: OmittedRecord) -> SafeString | str:
        return ip(obj.address)


def search_condition(term: str) -> Q:
    words = Q(owner__istartswith=term) | Q(target__istartswith=term)
    try:
        return words | Q(address=parse_address(term))
    except AddressError:
        return words
