"""How the back office spells times, addresses and states.

Beside the package `whitelist.admin`, since importing that registers every model.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

# Names of models whose packages do not translate theirs, or whose words do not fit here.
NAMES = {
    "totpdevice": _("One-time codes"),
    "staticdevice": _("Backup codes"),
    "accessattempt": _("Failed sign-ins"),
    "accesslog": _("Sign-ins"),
}


def admin_url(model: type[Model], page: str, *args: Any) -> str:
    opts = model._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=args)


def local(at: datetime | None, *, seconds: bool = True) -> str:
    """`2026-11-24 16:22:08`, in the service's time zone; a dash for none."""
    if at is None:
        return "–"
    form = "Y-m-d H:i:s" if seconds else "Y-m-d H:i"
    return formats.date_format(timezone.localtime(at), form)


def time_and_day(at: datetime) -> SafeString:
    """The time, and the day on a line below: narrow enough for a list."""
    here = timezone.localtime(at)
    return two_lines(formats.date_format(here, "H:i:s"), formats.date_format(here, "Y-m-d"))


def ip(address: str | None) -> SafeString | str:
    return format_html('<span class="ip">{}</span>', address) if address else "–"


def tag(word: object, tone: str) -> SafeString:
    """A state word in its colour: `ok`, `go`, `warn`, `stop` or `off`."""
    return format_html('<span class="tag {}">{}</span>', tone, word)


def two_lines(first: object, second: object) -> SafeString:
    return format_html("{}<small>{}</small>", first, second or "–")


def plural_name(opts: Any) -> str:
    """What a model's rows are called in the sidebar and above its list."""
    return capfirst(str(NAMES.get(opts.model_name, opts.verbose_name_plural)))
