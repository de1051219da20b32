"""Hosts: those of lists are kept by staff, those of DNS zones by the name servers."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import MAX_LENGTH, AddressError, parse_address
from whitelist.admin.base import BoundedPaginator, OurAdmin
from whitelist.admin.registry_audit import record_change, snapshot
from whitelist.admin_display import ip
from whitelist.models import Host, Zone
from whitelist.models.zone import ZoneKind

STAFF_ZONE = "staff"
RECORDED = ("zone", "address", "name", "unit", "contact")
LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
DOMAIN_NAME = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(?:\.{LABEL})+", re.ASCII)


class HostForm(forms.ModelForm):  # type: ignore[type-arg]
    """A host of a list. Without a zone it belongs to the list that staff keep."""

    # Plain text, so that the model's own parser judges it: Django's address field would drop
    # a scope (`fe80::1%eth0`) without a word.
    address = forms.CharField(label=_("IP address"), max_length=MAX_LENGTH)

    class Meta:
        model = Host
        fields = ("zone", "address", "name", "unit", "contact")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = self.fields.get("zone")  # gone where the user may only look
        if isinstance(zone, forms.ModelChoiceField):
            zone.queryset = Zone.objects.filter(kind=ZoneKind.LIST)
            zone.required = False
            zone.empty_label = str(_("%(name)s (kept by staff)")) % {"name": STAFF_ZONE}

    def clean_name(self) -> str:
        """Raises `ValidationError` where the text is no full domain name."""
        name: str = self.cleaned_data["name"].strip().rstrip(".").lower()
        if not DOMAIN_NAME.fullmatch(name):
            raise ValidationError(_("Enter a full domain name such as lab154.ee.nthu.edu.tw."))
        return name

    def clean_zone(self) -> Zone | None:
        zone: Zone | None = self.cleaned_data["zone"]
        return zone or Zone.objects.filter(name=STAFF_ZONE, kind=ZoneKind.LIST).first()


@admin.register(Host)
class HostAdmin(OurAdmin[Host]):
    form = HostForm
    list_display = ("address_column", "name", "zone", "unit", "contact")
    list_select_related = ("zone",)
    list_filter = (("zone__kind", admin.ChoicesFieldListFilter), "zone")
    search_fields = ("name",)
    search_help_text = _(
        "Exact IP address, or the beginning of a domain name. The first 10,000 rows can be paged."
    )
    sortable_by = ("address_column",)
    ordering = ("-pk",)
    list_per_page = 100
    paginator = BoundedPaginator
    show_full_result_count = False
    # Deleting in bulk would first collect every selected row: a zone may hold a million.
    actions = None
    fields = ("address", "name", "zone", "unit", "contact")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Host], search_term: str
    ) -> tuple[QuerySet[Host], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # In the order of the index that finds them, so that the first page is all that is read.
        return queryset.filter(search_condition(term)).order_by("name", "pk"), False

    def has_change_permission(self, request: HttpRequest, obj: Host | None = None) -> bool:
        return super().has_change_permission(request, obj) and is_kept_by_staff(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Host | None = None) -> bool:
        return super().has_delete_permission(request, obj) and is_kept_by_staff(obj)

    def save_model(self, request: HttpRequest, obj: Host, form: Any, change: bool) -> None:
        if obj.zone_id is None:
            obj.zone = Zone.objects.get_or_create(
                name=STAFF_ZONE, defaults={"kind": ZoneKind.LIST}
            )[0]
        before = snapshot(Host.objects.get(pk=obj.pk), RECORDED) if change else None
        obj.save()
        record_change(request, timezone.now(), before=before, after=snapshot(obj, RECORDED))

    def delete_model(self, request: HttpRequest, obj: Host) -> None:
        before = snapshot(obj, RECORDED)
        obj.delete()
        record_change(request, timezone.now(), before=before, after=None)

    @admin.display(description=_("IP address"), ordering="address")
    def address_column(self, obj: Host) -> SafeString | str:
        return ip(obj.address)


def is_kept_by_staff(host: Host | None) -> bool:
    return host is None or host.zone.kind == ZoneKind.LIST


def search_condition(term: str) -> Q:
    try:
        return Q(address=parse_address(term))
    except AddressError:
        return begins_with(term.lower())


def begins_with(term: str) -> Q:
    """Hosts whose name begins so; on SQLite by the index, which its LIKE does not use."""
    if connection.vendor == "sqlite":
        # It compares text by bytes, so this range is the same.
        return Q(name__gte=term, name__lt=term + chr(0x10FFFF))
    return Q(name__startswith=term)
