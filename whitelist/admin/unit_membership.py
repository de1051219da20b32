"""Who looks after which unit: given by superusers only, since it takes rights away and gives."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist.admin.base import OurAdmin
from whitelist.models import Network, UnitMembership
from whitelist.units import GROUP


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """The unit is one of those that networks carry, spelled as they spell it."""

    unit = forms.ChoiceField(label=_("unit"))

    class Meta:
        model = UnitMembership
        fields = ("user", "unit")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user, unit = self.fields.get("user"), self.fields.get("unit")
        if isinstance(user, forms.ModelChoiceField):
            user.queryset = User.objects.filter(is_staff=True).order_by("username")
            user.help_text = _("From then on the user sees this unit's networks, and nothing else.")
        if isinstance(unit, forms.ChoiceField):
            unit.choices = [("", "---------"), *((u, u) for u in self.known_units())]

    def known_units(self) -> list[str]:
        """Of the networks; and the row's own, should its last network be gone."""
        networks = Network.objects.exclude(unit="").order_by("unit")
        units = set(networks.values_list("unit", flat=True).distinct())
        return sorted(units | ({self.instance.unit} if self.instance.unit else set()))


@admin.register(UnitMembership)
class UnitMembershipAdmin(OurAdmin[UnitMembership]):
    form = MembershipForm
    list_display = ("user", "unit")
    list_select_related = ("user",)
    list_display_links = ("user",)
    search_fields = ("user__username", "unit")
    search_help_text = _("User name or unit")
    list_per_page = 100
    show_full_result_count = False

    def save_model(
        self, request: HttpRequest, obj: UnitMembership, form: Any, change: bool
    ) -> None:
        obj.save()
        group = Group.objects.get(name=GROUP)
        if not obj.user.is_superuser and not obj.user.groups.filter(pk=group.pk).exists():
            obj.user.groups.add(group)
            text = gettext("%(user)s is now in the group “%(group)s”, which gives the rights.")
            messages.info(request, text % {"user": obj.user, "group": group})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return gives_rights(request)

    def has_change_permission(
        self, request: HttpRequest, obj: UnitMembership | None = None
    ) -> bool:
        return gives_rights(request)

    def has_delete_permission(
        self, request: HttpRequest, obj: UnitMembership | None = None
    ) -> bool:
        return gives_rights(request)


def gives_rights(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser)
