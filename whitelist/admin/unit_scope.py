"""What unit network admins meet in the back office: their own units' rows, and nothing else.

The site itself lets them open no page but those named in `whitelist_site.admin_site`; here the
pages that they may open are kept to what is theirs.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import AddressError, parse_address
from whitelist.admin.base import OurAdmin
from whitelist.models import ServiceSettings
from whitelist.units import in_units, is_of_units, units_of

M = TypeVar("M", bound=Model)


def is_confined(request: HttpRequest) -> bool:
    return units_of(request.user) is not None


def may_edit(request: HttpRequest) -> bool:
    """Whether the settings let unit network admins change anything; asked once a request."""
    asked = cast(Any, request)
    if not hasattr(asked, "unit_admins_may_edit"):
        asked.unit_admins_may_edit = ServiceSettings.load().unit_admins_may_edit
    return bool(asked.unit_admins_may_edit)


class UnitScopedAdmin(OurAdmin[M]):
    """Confined users get the rows that `condition_of` selects; editing them is a setting.

    Stock permissions are wanted besides. Rows are judged one by one too, since a view may hold
    a row that no query of ours has found.
    """

    # What a confined user may do to a row by that setting: `add`, `change`, `delete`.
    unit_admins_do: frozenset[str] = frozenset()
    # Filters would list what other units have.
    unit_list_filter: tuple[Any, ...] = ()

    def condition_of(self, units: frozenset[str]) -> Q:
        return in_units(units)

    def is_row_of(self, obj: M, units: frozenset[str]) -> bool:
        return is_of_units(parse_address(str(obj.address)), units)  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        rows, units = super().get_queryset(request), units_of(request.user)
        return rows if units is None else rows.filter(self.condition_of(units))

    def get_list_filter(self, request: HttpRequest) -> Any:
        if is_confined(request):
            return self.unit_list_filter
        return super().get_list_filter(request)

    def is_within_reach(self, request: HttpRequest, obj: M | None, action: str) -> bool:
        units = units_of(request.user)
        if units is None:
            return True
        if action != "view" and not (action in self.unit_admins_do and may_edit(request)):
            return False
        return obj is None or obj.pk is None or self.is_row_of(obj, units)

    def may_change(self, request: HttpRequest) -> bool:
        return super().may_change(request) and self.is_within_reach(request, None, "change")

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        may = super().has_view_permission(request, obj)
        return may and self.is_within_reach(request, obj, "view")

    def has_add_permission(self, request: HttpRequest) -> bool:
        may = super().has_add_permission(request)
        return may and self.is_within_reach(request, None, "add")

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and self.is_within_reach(request, obj, "change")

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and self.is_within_reach(request, obj, "delete")


class OwnAddressForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose `address` must be of the user's units, where the user is confined to some.

    `units` is set on the class that is made for one request.
    """

    units: frozenset[str] | None = None

    def clean_address(self) -> str:
        """What is no address at all is the model's to say."""
        text: str = self.cleaned_data["address"]
        try:
            address = parse_address(text.strip(" "))
        except AddressError:
            return text
        if self.units is not None and not is_of_units(address, self.units):
            raise ValidationError(_("This address is not in a network of your unit."))
        return text
