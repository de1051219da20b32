"""Form fields for what staff state about an address: its name, and until when it holds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import lazystr
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext_lazy as _

from whitelist.templatetags.whitelist_times import zone_name

LONGEST = timedelta(days=366)
FORMAT = "%Y-%m-%dT%H:%M"
LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
DOMAIN_NAME = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(?:\.{LABEL})+", re.ASCII)


class ZoneName:
    """The name of the time zone, in the language of the page that shows it."""

    def __str__(self) -> str:
        return str(zone_name())


def check_domain_name(text: str) -> str:
    """The name in canonical form. Raises `ValidationError` where it is no full domain name."""
    name = text.strip().rstrip(".").lower()
    if not DOMAIN_NAME.fullmatch(name):
        raise ValidationError(_("Enter a full domain name such as lab154.ee.nthu.edu.tw."))
    return name


class UntilField(forms.DateTimeField):
    """A time that is still to come, at most a year away, in the service's time zone."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", capfirst(_("valid until")))
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=FORMAT)
        help_text = format_lazy("{} {}", _("At most a year away."), lazystr(ZoneName()))
        super().__init__(**{"widget": widget, "help_text": help_text, **kwargs})

    def clean(self, value: Any) -> datetime | None:
        until: datetime | None = super().clean(value)
        if until is None:
            return None
        now = timezone.now()
        if until <= now:
            raise ValidationError(_("Choose a time that is still to come."))
        if until > now + LONGEST:
            raise ValidationError(_("Choose a time within a year."))
        return until
