"""The audit: read by everybody who may, written by nobody here."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist.admin.audit_search import SearchFilter, search_condition
from whitelist.admin.base import BoundedPaginator, ReadOnlyAdmin, Tool
from whitelist.admin.differences import difference_table
from whitelist.admin_display import ip, local, two_lines
from whitelist.audit_export import FORMATS
from whitelist.models import (
    Alternative,
    Announcement,
    AuditRecord,
    Block,
    Host,
    MenuGroup,
    MenuService,
    Network,
    Relay,
    SentCount,
    ServiceSettings,
    WhitelistEntry,
    Zone,
    ZoneServer,
)
from whitelist.models.entry import EndReason

log = logging.getLogger(__name__)

TEXTS = (Announcement, MenuGroup, MenuService, Alternative)
AUDITED = (*TEXTS, SentCount, Zone, WhitelistEntry, ServiceSettings, Block, Network, Host, Relay)
# Where nobody gave a reason, the record holds the code of what ended the entry.
END_REASONS: dict[str, Any] = dict(EndReason.choices)


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin[AuditRecord]):
    list_display = ("time", "action", "who", "address_column", "why")
    list_filter = (SearchFilter, "action", "actor_kind", ("at", admin.DateFieldListFilter))
    search_fields = ("actor",)
    search_help_text = _(
        "Exact IP address, network, account or user name, request ID, reference of an entry,"
        " or a part of a reason"
    )
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ("time",)
    fields = (
        "time", "action", "who", "address", "entry", "why", "difference", "of_request", "link",
    )  # fmt: skip

    class Media:
        css = {"all": ["admin_site/audit.css"]}

    def get_urls(self) -> list[URLPattern]:
        export = path(
            "export/<str:form>/",
            self.admin_site.admin_view(self.export_view),
            name="whitelist_auditrecord_export",
        )
        return [export, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        tools = [
            Tool(gettext("Export as CSV"), self.export_url(request, "csv")),
            Tool(gettext("Export as JSON lines"), self.export_url(request, "jsonl")),
        ]
        return super().changelist_view(request, {**(extra_context or {}), "tools": tools})

    def export_url(self, request: HttpRequest, form: str) -> str:
        """What the list finds now, all pages of it."""
        query = request.GET.copy()
        query.pop("p", None)
        return f"{self.url_of('export', form)}?{query.urlencode()}".rstrip("?")

    def export_view(
        self, request: HttpRequest, form: str
    ) -> StreamingHttpResponse | HttpResponseRedirect:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if form not in FORMATS:
            return HttpResponseRedirect(self.url_of("changelist"))
        try:
            found = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(self.url_of("changelist"))
        # The query holds whom they looked for: it stays out of the log.
        log.info("audit: %s exports records as %s", request.user.get_username(), form)
        lines, content_type = FORMATS[form]
        answer = StreamingHttpResponse(lines(found), content_type=content_type)
        name = f"audit-{timezone.localtime():%Y%m%d-%H%M%S}.{form}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

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

    @admin.display(description=_("request ID"))
    def of_request(self, obj: AuditRecord) -> SafeString | str:
        if not obj.request_id:
            return "–"
        url = f"{self.url_of('changelist')}?request_id={obj.request_id}"
        return format_html('<a href="{}">{}</a>', url, obj.request_id)

    @admin.display(description=_("link of the chain"))
    def link(self, obj: AuditRecord) -> str:
        """As `verify_audit` takes it; a dash for the seconds until it is sealed."""
        return str(obj.seals.order_by("sequence").last() or "–")

    @admin.display(description=_("difference"))
    def difference(self, obj: AuditRecord) -> SafeString | str:
        return difference_table(obj.before, obj.after, field_names())


def field_names() -> dict[str, str]:
    """Names of the fields that audit records speak of, in the language of the page."""
    names = {"block": str(Block._meta.verbose_name), "relay": str(Relay._meta.verbose_name)}
    names["servers"] = str(ZoneServer._meta.verbose_name_plural)
    names |= {str(model._meta.model_name): str(model._meta.verbose_name) for model in TEXTS}
    for model in AUDITED:
        names |= {
            field.name: str(getattr(field, "verbose_name", field.name))
            for field in model._meta.get_fields()
            if field.concrete
        }
    return names
