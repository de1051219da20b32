"""Networks: staff keep them; their bounds follow from the CIDR."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import AddressError, order_key, parse_address, parse_network
from whitelist.admin.address_link import about_address
from whitelist.admin.filters import DistinctFilter
from whitelist.admin.registry_audit import record_change, snapshot
from whitelist.admin.unit_scope import UnitScopedAdmin
from whitelist.admin_display import ip, tag
from whitelist.models import Network
from whitelist.models.network import NetworkKind
from whitelist.registry.breadth import LEAST_PREFIX, TooBroadError, check_breadth

RECORDED = ("cidr", "kind", "unit", "contact")


class NetworkForm(ModelForm):  # type: ignore[type-arg]
    def clean_cidr(self) -> str:
        """What is no network at all is the model's to say."""
        cidr: str = self.cleaned_data["cidr"].strip()
        try:
            check_breadth(parse_network(cidr))
        except AddressError:
            pass
        except TooBroadError as error:
            limits = {"v4": LEAST_PREFIX[4], "v6": LEAST_PREFIX[6]}
            text = _("Too broad: a network is a /%(v4)d (IPv4) or a /%(v6)d (IPv6) at most.")
            raise ValidationError(text, params=limits) from error
        return cidr


class UnitFilter(DistinctFilter):
    title = _("unit")
    parameter_name = "unit"
    field = "unit"


@admin.register(Network)
class NetworkAdmin(UnitScopedAdmin[Network]):
    form = NetworkForm
    list_display = ("cidr_column", "kind_tag", "unit", "contact")
    list_filter = ("kind", "family", UnitFilter)
    search_fields = ("cidr",)
    search_help_text = _("An IP address finds the networks around it; or CIDR, unit, contact")
    list_per_page = 100
    show_full_result_count = False
    fields = ("cidr", "kind", "unit", "contact", "first_address", "last_address", "created_at")
    readonly_fields = ("first_address", "last_address", "created_at")
    unit_list_filter = ("kind", "family")

    def condition_of(self, units: frozenset[str]) -> Q:
        return Q(unit__in=units)

    def is_row_of(self, obj: Network, units: frozenset[str]) -> bool:
        return obj.unit in units

    def get_fields(self, request: HttpRequest, obj: Network | None = None) -> Any:
        return self.fields if obj else self.fields[:4]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Network], search_term: str
    ) -> tuple[QuerySet[Network], bool]:
        term = search_term.strip()
        return (queryset.filter(search_condition(term)) if term else queryset), False

    def save_model(self, request: HttpRequest, obj: Network, form: Any, change: bool) -> None:
        before = snapshot(Network.objects.get(pk=obj.pk), RECORDED) if change else None
        obj.save()
        record_change(request, timezone.now(), before=before, after=snapshot(obj, RECORDED))

    def delete_model(self, request: HttpRequest, obj: Network) -> None:
        before = snapshot(obj, RECORDED)
        obj.delete()
        record_change(request, timezone.now(), before=before, after=None)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Network]) -> None:
        for network in queryset:
            self.delete_model(request, network)

    @admin.display(description=_("CIDR"), ordering="lo")
    def cidr_column(self, obj: Network) -> SafeString | str:
        return ip(obj.cidr)

    @admin.display(description=_("kind"), ordering="kind")
    def kind_tag(self, obj: Network) -> SafeString:
        return tag(obj.get_kind_display(), "ok" if obj.kind == NetworkKind.STATIC else "off")

    @admin.display(description=_("first address"))
    def first_address(self, obj: Network) -> SafeString | str:
        return about_edge(str(parse_network(obj.cidr).network_address))

    @admin.display(description=_("last address"))
    def last_address(self, obj: Network) -> SafeString | str:
        return about_edge(str(parse_network(obj.cidr).broadcast_address))


def about_edge(address: str) -> SafeString | str:
    """A link to what is known of the first or last address, where it can be a computer's."""
    try:
        return about_address(str(parse_address(address)))
    except AddressError:
        return ip(address)


def search_condition(term: str) -> Q:
    """Networks around an address or a CIDR, else by the words that people know."""
    try:
        address = parse_address(term)
        return around(address.version, order_key(address), order_key(address))
    except AddressError:
        pass
    try:
        network = parse_network(term)
    except AddressError:
        words = Q(unit__icontains=term) | Q(contact__icontains=term)
        return words | Q(cidr__startswith=term.lower())
    low, high = order_key(network.network_address), order_key(network.broadcast_address)
    inside = Q(family=network.version, lo__gte=low, hi__lte=high)
    return around(network.version, low, high) | inside


def around(family: int, low: str, high: str) -> Q:
    return Q(family=family, lo__lte=low, hi__gte=high)
