"""The audit: read by everybody who may, written by nobody here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import AddressError, parse_address
from whitelist.admin.base import BoundedPaginator, ReadOnlyAdmin
from whitelist.admin.differences import difference_table
from whitelist.admin_display import ip, local, two_lines
from whitelist.models import (
    AuditRecord,
    Block,
    Host,
    Network,
    Relay,
    SentCount,
    ServiceSettings,
    WhitelistEntry,
    Zone,
    ZoneServer,
)
from whitelist.models.entry import EndReason

AUDITED = (SentCount, Zone, WhitelistEntry, ServiceSettings, Block, Network, Host, Relay)
# Where nobody gave a reason, the record holds the code of what ended the entry.
END_REASONS: dict[str, Any] = dict(EndReason.choices)


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin[AuditRecord]):
    list_display = ("time", "action", "who", "address_column", "why")
    list_filter = ("action", "actor_kind", ("at", admin.DateFieldListFilter))
    search_fields = ("actor",)
    search_help_text = _(
        "Exact IP address, account or user name, reference of an entry, or a reason"
    )
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ("time",)
    fields = ("time", "action", "who", "address", "entry", "why", "difference")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord], search_term: str
    ) -> tuple[QuerySet[AuditRecord], bool]:
        term = search_term.strip()
        return (queryset.filter(search_condition(term)) if term else queryset), False

    @admin.display(description=_("time"), ordering="at")
    def time(self, obj: AuditRecord) -> str:
        return local(obj.at)

    @admin.display(description=_("actor"))
    def who(self, obj: AuditRecord) -> SafeString:
        kind = obj.get_actor_kind_display()
        return two_lines(obj.actor, kind) if obj.actor else format_html("{}", kind)

    @admin.display(description=_("reason"))
    def why(self, obj: AuditRecord) -> str:
        return str(END_REASONS.get(obj.reason, obj.reason)) or "–"

    @admin.display(description=_("IP address"))
    def address_column(self, obj: AuditRecord) -> SafeString | str:
        return ip(obj.address)

    @admin.display(description=_("difference"))
    def difference(self, obj: AuditRecord) -> SafeString | str:
        return difference_table(obj.before, obj.after, field_names())


def search_condition(term: str) -> Q:
    pk = WhitelistEntry.pk_of_reference(term)
    if pk is not None:
        return Q(entry=pk)
    try:
        return Q(address=parse_address(term))
    except AddressError:
        return Q(actor=term) | Q(reason__icontains=term)


def field_names() -> dict[str, str]:
    """Names of the fields that audit records speak of, in the language of the page."""
    names = {"block": str(Block._meta.verbose_name), "relay": str(Relay._meta.verbose_name)}
    names["servers"] = str(ZoneServer._meta.verbose_name_plural)
    for model in AUDITED:
        names |= {
            field.name: str(getattr(field, "verbose_name", field.name))
            for field in model._meta.get_fields()
            if field.concrete
        }
    return names
