"""Whitelist entries: looked at by everybody, ended with a reason by those who may."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import DateTimeField, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import formats, timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import AddressError, parse_address
from whitelist.admin.address_link import address_url
from whitelist.admin.audit_trail import AuditTrail
from whitelist.admin.base import BoundedPaginator, ReadOnlyAdmin, Tool
from whitelist.admin.confirm import ReasonForm, confirmation_page, is_confirmed
from whitelist.admin.entry_ending import end_entries, question_about, report
from whitelist.admin.filters import DistinctFilter
from whitelist.admin.what_was_sent import WhatWasSentInline, sent_first, with_sums
from whitelist.admin_display import ip, local, tag, time_and_day, two_lines
from whitelist.models import WhitelistEntry
from whitelist.models.entry import EntryQuerySet

MOST_AT_ONCE = 200
# On a member's page the same word means that the term is over; here also ended before that.
ENDED = pgettext_lazy("entry, in the back office", "Ended")
ROLES = {
    "staff": pgettext_lazy("role at the portal", "Staff"),
    "student": pgettext_lazy("role at the portal", "Student"),
}


class StateFilter(admin.SimpleListFilter):
    """By what is true now: a lapsed entry has ended, whether or not somebody closed it."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("Active")), ("applying", _("Applying")), ("ended", ENDED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        entries, now = cast(EntryQuerySet, queryset), timezone.now()
        match self.value():
            case "active":
                return entries.active(now).filter(effective_at__isnull=False)
            case "applying":
                return entries.active(now).filter(effective_at__isnull=True)
            case "ended":
                return entries.filter(Q(ended_at__isnull=False) | Q(expires_at__lte=now))
        return entries


class UnitFilter(DistinctFilter):
    title = _("unit")
    parameter_name = "unit"
    field = "unit"


class RoleFilter(DistinctFilter):
    title = _("role")
    parameter_name = "role"
    field = "requester_role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        choices = super().lookups(request, model_admin)
        return [(value, ROLES.get(value, value)) for value, _word in choices]


@admin.register(WhitelistEntry)
class WhitelistEntryAdmin(ReadOnlyAdmin[WhitelistEntry]):
    list_display = (
        "reference_column",
        "computer",
        "state",
        "requester",
        "opened_short",
        "until_and_left",
        "sent_recipients",
        "sent_bounced",
    )
    list_filter = (
        StateFilter,
        UnitFilter,
        RoleFilter,
        "end_reason",
        ("opened_at", admin.DateFieldListFilter),
    )
    search_fields = ("hostname",)
    search_help_text = _(
        "Address or its beginning, domain name, account, name, or reference (W-20261124-0137)"
    )
    actions = ("end_selected",)
    ordering = ("-pk",)
    sortable_by = ("reference_column", "sent_recipients", "sent_bounced")
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    inlines = (WhatWasSentInline, AuditTrail)
    fieldsets = (
        (None, {"fields": ("reference_column", "state", "address", "hostname", "unit")}),
        (
            _("Requester"),
            {
                "fields": (
                    "requester_name",
                    "requester_subject",
                    "role",
                    "requester_status",
                    "requester_issuer",
                )
            },
        ),
        (
            _("Life"),
            {
                "fields": (
                    "opened",
                    "took_effect",
                    "valid_until",
                    "extensions",
                    "ended",
                    "end_reason",
                    "end_note",
                    "serial",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WhitelistEntry]:
        # One reading of the clock for the whole page: rows and columns agree on it.
        now = Value(timezone.now(), output_field=DateTimeField())
        return with_sums(super().get_queryset(request)).annotate(seen_at=now)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[WhitelistEntry], search_term: str
    ) -> tuple[QuerySet[WhitelistEntry], bool]:
        term = search_term.strip()
        return (queryset.filter(search_condition(term)) if term else queryset), False

    def get_urls(self) -> list[URLPattern]:
        end = self.admin_site.admin_view(self.end_view)
        name = "whitelist_whitelistentry_end"
        return [path("<path:object_id>/end/", end, name=name), *super().get_urls()]

    def tools(self, request: HttpRequest, obj: WhitelistEntry) -> list[Tool]:
        found = []
        if request.user.has_perm("whitelist.view_host"):
            found.append(Tool(gettext("All about this address"), address_url(obj.address)))
        if self.may_change(request) and obj.is_active(seen_at(obj)):
            found.append(Tool(gettext("End now…"), self.url_of("end", obj.pk), is_grave=True))
        return found

    def has_end_permission(self, request: HttpRequest) -> bool:
        return self.may_change(request)

    def end_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One entry, from its own page."""
        self.check_may_change(request)
        entry = self.found(request, object_id)
        answer = self.ask_and_end(request, [entry], back=self.url_of("change", entry.pk))
        return answer or self.back_to(entry)

    @admin.action(description=_("End selected entries…"), permissions=["end"])
    def end_selected(
        self, request: HttpRequest, queryset: QuerySet[WhitelistEntry]
    ) -> HttpResponse | None:
        entries = list(queryset[: MOST_AT_ONCE + 1])
        if len(entries) > MOST_AT_ONCE:
            text = gettext("Select at most %(count)d entries at once.") % {"count": MOST_AT_ONCE}
            messages.error(request, text)
            return None
        return self.ask_and_end(
            request, entries, back=request.get_full_path(), action="end_selected"
        )

    def ask_and_end(
        self, request: HttpRequest, entries: list[WhitelistEntry], *, back: str, action: str = ""
    ) -> HttpResponse | None:
        """The confirmation page, or None once the entries were ended."""
        now = timezone.now()
        active = [entry for entry in entries if entry.is_active(now)]
        if not active:
            report(request, [], entries)
            return HttpResponseRedirect(back)
        form = ReasonForm(request.POST if is_confirmed(request) else None)
        if form.is_valid():
            end_entries(request, entries, form.cleaned_data["reason"], now)
            return None
        question = question_about(active, len(entries) - len(active), back, action)
        return confirmation_page(request, self, question, form)

    @admin.display(description=_("reference"), ordering="pk")
    def reference_column(self, obj: WhitelistEntry) -> str:
        return obj.reference

    @admin.display(description=_("computer"))
    def computer(self, obj: WhitelistEntry) -> SafeString:
        return two_lines(ip(obj.address), obj.hostname)

    @admin.display(description=_("state"))
    def state(self, obj: WhitelistEntry) -> SafeString:
        if not obj.is_active(seen_at(obj)):
            return tag(ENDED, "off")
        return tag(_("Active"), "ok") if obj.effective_at else tag(_("Applying"), "go")

    @admin.display(description=_("requester"))
    def requester(self, obj: WhitelistEntry) -> SafeString:
        return two_lines(obj.requester_name or obj.requester_subject, obj.unit)

    @admin.display(description=_("role"))
    def role(self, obj: WhitelistEntry) -> str:
        return str(ROLES.get(obj.requester_role, obj.requester_role))

    @admin.display(description=_("requested"))
    def opened(self, obj: WhitelistEntry) -> str:
        return local(obj.opened_at)

    @admin.display(description=_("valid until"))
    def valid_until(self, obj: WhitelistEntry) -> str:
        return local(obj.expires_at)

    @admin.display(description=_("requested"))
    def opened_short(self, obj: WhitelistEntry) -> SafeString:
        return time_and_day(obj.opened_at)

    @admin.display(description=_("valid until"))
    def until_and_left(self, obj: WhitelistEntry) -> SafeString:
        minutes = minutes_left(obj)
        if minutes is None:
            return time_and_day(obj.finished_at)
        left = ngettext("%(count)d minute left", "%(count)d minutes left", minutes)
        return two_lines(
            formats.time_format(timezone.localtime(obj.expires_at), "H:i:s"),
            left % {"count": minutes},
        )

    @admin.display(description=_("recipients"), ordering=sent_first("recipients"))
    def sent_recipients(self, obj: WhitelistEntry) -> Any:
        return getattr(obj, "sent_recipients", None)

    @admin.display(description=_("bounced"), ordering=sent_first("bounced"))
    def sent_bounced(self, obj: WhitelistEntry) -> Any:
        return getattr(obj, "sent_bounced", None)

    @admin.display(description=_("took effect"))
    def took_effect(self, obj: WhitelistEntry) -> str:
        return local(obj.effective_at)

    @admin.display(description=_("ended"))
    def ended(self, obj: WhitelistEntry) -> str:
        return "–" if obj.is_active(seen_at(obj)) else local(obj.finished_at)


def minutes_left(entry: WhitelistEntry) -> int | None:
    """Whole minutes until the entry ends; None once it has."""
    now = seen_at(entry)
    return int((entry.expires_at - now).total_seconds() // 60) if entry.is_active(now) else None


def seen_at(entry: WhitelistEntry) -> datetime:
    """When the page read the clock (an annotation of the page's query)."""
    at: datetime = getattr(entry, "seen_at", None) or timezone.now()
    return at


def search_condition(term: str) -> Q:
    """Exact where the words are an address or a reference, else a part of what people know."""
    pk = WhitelistEntry.pk_of_reference(term)
    if pk is not None:
        return Q(pk=pk)
    try:
        return Q(address=parse_address(term))
    except AddressError:
        pass
    words = Q(hostname__icontains=term) | Q(requester_name__icontains=term)
    return words | Q(requester_subject__icontains=term) | Q(address__startswith=term.lower())
