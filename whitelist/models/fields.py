"""A column that holds one canonical IP address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import MAX_LENGTH, AddressError, parse_address
from whitelist.models.lookups import Within

if TYPE_CHECKING:
    GenericField = models.GenericIPAddressField[str | None, Any]
else:
    GenericField = models.GenericIPAddressField


class AddressField(GenericField):
    """`GenericIPAddressField` that lets nothing but a parsed address reach the database.

    Values are read as canonical text. On the way in, text and `ipaddress` objects both pass
    `parse_address`, also where no form and no `full_clean` stands in the way.
    """

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        return str(parse_address(str(value)))

    def to_python(self, value: Any) -> Any:
        if value is None or value == "":
            return None
        try:
            return str(parse_address(str(value).strip(" ")))
        except AddressError as error:
            raise ValidationError(
                _("Enter the address of one computer."), code="invalid"
            ) from error

    def formfield(self, **kwargs: Any) -> Any:
        # Django's own form field repairs what it should refuse: `fe80::1%eth0` loses its scope.
        defaults: dict[str, Any] = {"form_class": forms.CharField, "max_length": MAX_LENGTH}
        return models.Field.formfield(self, **{**defaults, **kwargs})

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj))


AddressField.register_lookup(Within)
