"""What staff may say of a zone: its name, where it comes from, and which servers are asked."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.formsets import DELETION_FIELD_NAME
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import MAX_LENGTH, AddressError, parse_address
from whitelist.models import Zone, ZoneServer
from whitelist.models.zone import ZoneKind, ZoneSource
from whitelist.registry.following.servers import KeysError, known_keys
from whitelist.registry.reverse_names import is_reverse_name
from whitelist.registry.sources import SourceError
from whitelist.registry.sources.zone_file import checked_origin

NOT_SIGNED = _("not signed")

if TYPE_CHECKING:
    Form = forms.ModelForm[Zone]
    ServerModelForm = forms.ModelForm[ZoneServer]
    FormSet = BaseInlineFormSet[ZoneServer, Zone, ServerModelForm]
    Inline = admin.TabularInline[ZoneServer, Zone]
else:
    Form = ServerModelForm = forms.ModelForm
    FormSet, Inline = BaseInlineFormSet, admin.TabularInline


class ZoneForm(Form):
    """A zone's source. The kind follows from the name, which is given once."""

    def clean_name(self) -> str:
        try:
            name = checked_origin(self.cleaned_data["name"].strip())
        except SourceError as error:
            raise ValidationError(_("Enter the name of a zone such as ee.nthu.edu.tw.")) from error
        if not name:
            raise ValidationError(_("The root cannot be followed."))
        self.instance.kind = ZoneKind.REVERSE if is_reverse_name(name) else ZoneKind.FORWARD
        return name

    def clean_source(self) -> str:
        source: str = self.cleaned_data["source"]
        if self.instance.kind == ZoneKind.LIST and source != ZoneSource.HAND:
            raise ValidationError(_("A list is loaded by hand; only DNS zones can be followed."))
        return source

    def clean_file(self) -> str:
        name: str = self.cleaned_data["file"]
        if any(sign in name for sign in "/\\") or name.startswith(".") or not name.isprintable():
            raise ValidationError(_("Only the file's name: it lies in the folder of zone files."))
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        needs_file = data.get("source") == ZoneSource.FILE and "file" not in self.errors
        if needs_file and not data.get("file"):
            self.add_error("file", _("Say which file the zone is read from."))
        self.check_single(data.get("name") or self.instance.name, data.get("view"))
        return data

    def check_single(self, name: str, view: str | None) -> None:
        """The form of a zone that is there has no name, so the model does not check the pair."""
        others = Zone.objects.filter(name=name, view=view or "").exclude(pk=self.instance.pk)
        if view is not None and others.exists():
            self.add_error("view", _("There is a zone of this name in this view already."))


class ServerForm(ServerModelForm):
    """One server; its key is chosen from `keys`, or typed where the key file cannot be read."""

    # Plain text, so that our own parser judges it: Django's field would drop a scope.
    address = forms.CharField(label=_("IP address"), max_length=MAX_LENGTH)

    class Meta:
        model = ZoneServer
        fields = ("address", "port", "key_name", "position")

    def __init__(self, *args: Any, keys: Keys, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "key_name" in self.fields:  # gone where the user may only look
            self.fields["key_name"] = keys.field(self.instance.key_name)

    def clean_address(self) -> str:
        try:
            return str(parse_address(self.cleaned_data["address"].strip()))
        except AddressError as error:
            raise ValidationError(_("Enter one IPv4 or IPv6 address.")) from error

    def clean_key_name(self) -> str:
        name: str = self.cleaned_data["key_name"]
        return name.strip().lower().removesuffix(".")


class Keys:
    """The names in the key file, read once a page; never anything else of it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.problem = ""
        if settings.DNS_KEYS_FILE is None:
            return
        try:
            self.names = sorted(known_keys(settings.DNS_KEYS_FILE))
        except KeysError as error:
            self.problem = str(error)

    def field(self, stored: str) -> forms.Field:
        label = ZoneServer._meta.get_field("key_name").verbose_name
        if self.problem:
            text = gettext("The key file cannot be used: %(problem)s") % {"problem": self.problem}
            return forms.CharField(label=label, max_length=255, required=False, help_text=text)
        choices: list[tuple[str, Any]] = [("", NOT_SIGNED), *((name, name) for name in self.names)]
        if stored and stored not in self.names:
            missing = gettext("%(name)s (not in the key file)") % {"name": stored}
            choices.append((stored, missing))
        return forms.ChoiceField(label=label, choices=choices, required=False)


class ServerFormSet(FormSet):
    @cached_property
    def keys(self) -> Keys:
        return Keys()

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "keys": self.keys}

    def add_fields(self, form: ServerModelForm, index: int | None) -> None:
        """The heads of the table's columns are no labels to a screen reader."""
        super().add_fields(form, index)
        for field in form.fields.values():
            if not field.widget.is_hidden:
                field.widget.attrs["aria-label"] = field.label

    def clean(self) -> None:
        super().clean()
        if any(self.errors) or self.instance.source != ZoneSource.SERVERS:
            return
        if not any(stays(form) for form in self.forms):
            raise ValidationError(_("Name at least one server to transfer the zone from."))


def stays(form: ServerModelForm) -> bool:
    given = form.instance.pk or form.has_changed()
    return bool(given) and not form.cleaned_data.get(DELETION_FIELD_NAME)


class ServerInline(Inline):
    model = ZoneServer
    form = ServerForm
    formset = ServerFormSet
    fields = ("address", "port", "key_name", "position")
    extra = 1
    verbose_name_plural = _("name servers, asked in their order")

    # Servers are a part of their zone: who may change one may change the other.
    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_see_zones(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_change_zones(request) or request.user.has_perm("whitelist.add_zone")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_change_zones(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_change_zones(request)


def may_see_zones(request: HttpRequest) -> bool:
    return request.user.has_perm("whitelist.view_zone") or may_change_zones(request)


def may_change_zones(request: HttpRequest) -> bool:
    return request.user.has_perm("whitelist.change_zone")
