"""What the relays have told was sent: in the list of entries, and on an entry's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from whitelist.admin_display import local
from whitelist.models import SentCount, WhitelistEntry

if TYPE_CHECKING:
    Inline = admin.TabularInline[SentCount, WhitelistEntry]
else:
    Inline = admin.TabularInline


def with_sums(entries: QuerySet[WhitelistEntry]) -> QuerySet[WhitelistEntry]:
    """With `sent_recipients` and `sent_bounced`, over all relays; None where none has told."""
    return entries.annotate(
        sent_recipients=Subquery(sum_of("recipients")), sent_bounced=Subquery(sum_of("bounced"))
    )


def sum_of(name: str) -> QuerySet[SentCount, Any]:
    rows = SentCount.objects.filter(entry=OuterRef("pk")).order_by().values("entry")
    return rows.annotate(total=Sum(name)).values("total")


def sent_first(name: str) -> Coalesce:
    """To order by: an entry of which nothing is told comes before one with nothing sent."""
    return Coalesce(f"sent_{name}", -1)


class WhatWasSentInline(Inline):
    """By relay, and by run of its agent: a relay that was restarted has a row for each."""

    model = SentCount
    fields = ("relay_name", "messages", "recipients", "bounced", "last_report")
    readonly_fields = ("relay_name", "last_report")
    verbose_name_plural = _("What was sent, as far as the relays report it")
    ordering = ("relay", "pk")
    can_delete = False
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[SentCount]:
        return super().get_queryset(request).select_related("relay")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may see the entry."""
        return request.user.has_perm("whitelist.view_whitelistentry")

    @admin.display(description=_("relay"))
    def relay_name(self, obj: SentCount) -> str:
        return str(obj.relay) if obj.relay else str(_("a relay that was removed"))

    @admin.display(description=_("last report"))
    def last_report(self, obj: SentCount) -> str:
        return local(obj.updated_at)
