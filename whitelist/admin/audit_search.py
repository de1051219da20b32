"""Looking for audit records by time, actor, address or network, and request: all by indexes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import AddressError, parse_address, parse_network
from whitelist.audit_export import NotAMomentError, moment
from whitelist.models import AuditRecord, WhitelistEntry

NOT_A_TIME = _("Enter a day (2026-11-24), or a time (2026-11-24 16:22).")
NOT_A_PLACE = _("Enter an address, or a network (140.114.64.0/24).")
FIELDS = {
    "since": _("From"),
    "until": _("Until"),
    "actor": _("Account or user name"),
    "address": _("Address or network"),
    "request_id": _("Request ID"),
}
EXAMPLES = {"since": "2026-11-24", "until": "2026-11-24 16:22", "address": "140.114.64.0/24"}


def condition_of(name: str, value: str) -> Q:
    """Raises `NotAMomentError` and `AddressError`."""
    if name == "since":
        return Q(at__gte=moment(value))
    if name == "until":
        return Q(at__lt=moment(value, is_end=True))
    if name == "address":
        return place_condition(value)
    return Q(**{name: value})


def place_condition(value: str) -> Q:
    try:
        return Q(address=parse_address(value))
    except AddressError:
        return Q(address__within=parse_network(value))


class SearchFilter(admin.ListFilter):
    """A small form among the filters. A field that makes no sense finds nothing, and says why."""

    title = _("time, actor, address")
    template = "admin/whitelist/auditrecord/search_filter.html"

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in FIELDS:
            value = params.pop(name, [""])[-1].strip()
            if value:
                self.used_parameters[name] = value
        self.errors: dict[str, Any] = {}
        self.condition = Q()
        for name, value in self.used_parameters.items():
            self.add(str(name), str(value))

    def add(self, name: str, value: str) -> None:
        try:
            self.condition &= condition_of(name, value)
        except NotAMomentError:
            self.errors[name] = NOT_A_TIME
        except AddressError:
            self.errors[name] = NOT_A_PLACE

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(FIELDS)

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord]
    ) -> QuerySet[AuditRecord]:
        return queryset.none() if self.errors else queryset.filter(self.condition)

    def choices(self, changelist: ChangeList) -> Any:
        """One: without any of it. The template asks for `fields` and `others` afterwards."""
        kept = changelist.get_filters_params().items()
        self.others = [
            (name, value) for name, values in kept if name not in FIELDS for value in values
        ]
        if changelist.query:
            self.others.append(("q", changelist.query))
        yield {
            "selected": not self.used_parameters,
            "query_string": changelist.get_query_string(remove=list(FIELDS)),
            "display": _("All"),
        }

    def fields(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "label": label,
                "value": self.used_parameters.get(name, ""),
                "example": EXAMPLES.get(name, ""),
                "error": self.errors.get(name),
            }
            for name, label in FIELDS.items()
        ]


def search_condition(term: str) -> Q:
    """What the one search box finds: the exact first, and only then a part of a reason."""
    pk = WhitelistEntry.pk_of_reference(term)
    if pk is not None:
        return Q(entry=pk)
    try:
        return place_condition(term)
    except AddressError:
        exact = Q(actor=term) | Q(request_id=term)
    return exact if AuditRecord.objects.filter(exact).exists() else Q(reason__icontains=term)
