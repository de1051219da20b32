"""Hosts: those of lists are kept by staff, those of DNS zones by the name servers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import MAX_LENGTH, AddressError, parse_address
from whitelist.admin.address_link import address_url
from whitelist.admin.base import BoundedPaginator, Tool
from whitelist.admin.registry_audit import record_change, snapshot
from whitelist.admin.stated import UntilField, check_domain_name
from whitelist.admin.unit_scope import OwnAddressForm, UnitScopedAdmin, is_confined
from whitelist.admin_display import ip, local, tag
from whitelist.models import Host, Zone
from whitelist.models.zone import ZoneKind
from whitelist.registry.edits import do_write_down
from whitelist.registry.lookup import find_network
from whitelist.units import units_of

STAFF_ZONE = "staff"
RECORDED = ("zone", "address", "name", "unit", "contact", "reason", "until")


class HostForm(OwnAddressForm):
    """A host of a list. Without a zone it belongs to the list that staff keep.

    There a reason and an end are wanted; other lists come from files, which state neither.
    """

    # Plain text, so that the model's own parser judges it: Django's address field would drop
    # a scope (`fe80::1%eth0`) without a word.
    address = forms.CharField(label=_("IP address"), max_length=MAX_LENGTH)
    until = UntilField(required=False)

    class Meta:
        model = Host
        fields = ("zone", "address", "name", "unit", "contact", "reason", "until")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = self.fields.get("zone")  # gone where the user may only look
        if isinstance(zone, forms.ModelChoiceField):
            lists = Zone.objects.filter(kind=ZoneKind.LIST)
            zone.queryset = lists if self.units is None else lists.none()
            zone.required = False
            zone.empty_label = str(_("%(name)s (kept by staff)")) % {"name": STAFF_ZONE}
            self.fields["reason"].help_text = _("Wanted, as is an end, in the list kept by staff.")

    def clean_name(self) -> str:
        return check_domain_name(self.cleaned_data["name"])

    def clean_zone(self) -> Zone | None:
        zone: Zone | None = self.cleaned_data["zone"]
        return zone or Zone.objects.filter(name=STAFF_ZONE, kind=ZoneKind.LIST).first()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        zone = data.get("zone")
        if zone is None or zone.name == STAFF_ZONE:
            if not data.get("reason") and "reason" not in self.errors:
                self.add_error("reason", ValidationError(_("Say why it counts as registered.")))
            if not data.get("until") and "until" not in self.errors:
                self.add_error("until", ValidationError(_("Say until when it counts.")))
        return data


class StatedFilter(admin.SimpleListFilter):
    title = _("entries by staff")
    parameter_name = "stated"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("in_force", _("In force")), ("over", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Within their own list, which an index finds: there is none of ends.
        stated = queryset.filter(zone__name=STAFF_ZONE, zone__kind=ZoneKind.LIST)
        match self.value():
            case "in_force":
                return stated.filter(until__gt=timezone.now())
            case "over":
                return stated.filter(until__lte=timezone.now())
        return queryset


@admin.register(Host)
class HostAdmin(UnitScopedAdmin[Host]):
    form = HostForm
    list_display = ("address_column", "name", "zone", "unit", "contact", "until_column")
    list_select_related = ("zone",)
    list_filter = (("zone__kind", admin.ChoicesFieldListFilter), "zone", StatedFilter)
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
    fields = ("address", "name", "zone", "unit", "contact", "reason", "until", "first_seen")
    zone_fields = ("address", "name", "zone_name", "unit", "contact", "first_seen")
    readonly_fields = ("first_seen", "zone_name")
    unit_admins_do = frozenset({"add", "change", "delete"})
    unit_list_filter = (("zone__kind", admin.ChoicesFieldListFilter), StatedFilter)

    def get_fields(self, request: HttpRequest, obj: Host | None = None) -> Any:
        if obj is not None and not is_kept_by_staff(obj):
            return self.zone_fields
        fields = self.fields if obj else self.fields[:-1]
        # The unit follows from the network that the address lies in.
        return tuple(f for f in fields if f != "unit") if is_confined(request) else fields

    def get_form(
        self, request: HttpRequest, obj: Host | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.units = units_of(request.user)
        return form

    def get_ordering(self, request: HttpRequest) -> Any:
        # Of few among a million, in the order of the index that finds them.
        return ("address", "pk") if is_confined(request) else super().get_ordering(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Host], search_term: str
    ) -> tuple[QuerySet[Host], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # In the order of the index that finds them, so that the first page is all that is read.
        return queryset.filter(search_condition(term)).order_by("name", "pk"), False

    def has_change_permission(self, request: HttpRequest, obj: Host | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_be_edited(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Host | None = None) -> bool:
        return super().has_delete_permission(request, obj) and may_be_edited(request, obj)

    def tools(self, request: HttpRequest, obj: Host) -> list[Tool]:
        return [Tool(gettext("All about this address"), address_url(obj.address))]

    def save_model(self, request: HttpRequest, obj: Host, form: Any, change: bool) -> None:
        now = timezone.now()
        if obj.zone_id is None:
            obj.zone = Zone.objects.get_or_create(
                name=STAFF_ZONE, view="", defaults={"kind": ZoneKind.LIST}
            )[0]
        if is_confined(request):
            network = find_network(parse_address(obj.address))
            obj.unit = network.unit if network else ""
        if not change:
            obj.first_seen_at = now
        was = Host.objects.get(pk=obj.pk) if change else None
        before = snapshot(was, RECORDED) if was else None
        obj.save()
        do_write_down(was, obj, at=now)
        record_change(request, now, before=before, after=snapshot(obj, RECORDED))

    def delete_model(self, request: HttpRequest, obj: Host) -> None:
        before, now = snapshot(obj, RECORDED), timezone.now()
        do_write_down(obj, None, at=now)
        obj.delete()
        record_change(request, now, before=before, after=None)

    @admin.display(description=_("IP address"), ordering="address")
    def address_column(self, obj: Host) -> SafeString | str:
        return ip(obj.address)

    @admin.display(description=_("zone"))
    def zone_name(self, obj: Host) -> str:
        return str(obj.zone)

    @admin.display(description=_("valid until"))
    def until_column(self, obj: Host) -> SafeString | str:
        return end_of(obj)

    @admin.display(description=_("first seen"))
    def first_seen(self, obj: Host) -> str:
        return first_seen_words(obj)


def end_of(host: Host) -> SafeString | str:
    """Until when an entry by staff counts; one whose end has come says so."""
    if host.until is None:
        return "–"
    end = local(host.until, seconds=False)
    return format_html("{} {}", tag(_("Over"), "off"), end) if has_ended(host) else end


def has_ended(host: Host) -> bool:
    return host.until is not None and host.until <= timezone.now()


def first_seen_words(host: Host) -> str:
    """When the name came; of one that was there from the beginning, since when it is known.

    Of what only an alias leads to, which is no stored host, nobody knows.
    """
    if host.first_seen_at:
        return local(host.first_seen_at)
    if host.pk is None or host.zone.first_loaded_at is None:
        return "–"
    return gettext("before %(time)s, when the zone was first loaded") % {
        "time": local(host.zone.first_loaded_at)
    }


def may_be_edited(request: HttpRequest, host: Host | None) -> bool:
    """Hosts of lists; by unit network admins only those of the list that is kept by hand."""
    if host is None:
        return True
    return is_kept_by_staff(host) and (host.zone.name == STAFF_ZONE or not is_confined(request))


def is_kept_by_staff(host: Host) -> bool:
    return host.zone.kind == ZoneKind.LIST


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
