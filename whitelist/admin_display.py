"""How the back office spells times, addresses and states.

Beside the package `whitelist.admin`, since importing that registers every model.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext, ngettext_lazy
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


UNITS = (
    (86_400, ngettext_lazy("%(count)d day", "%(count)d days", "count")),
    (3_600, ngettext_lazy("%(count)d hour", "%(count)d hours", "count")),
    (60, ngettext_lazy("%(count)d minute", "%(count)d minutes", "count")),
)


def span(seconds: int | None) -> str:
    """`1 hour`, `90 minutes`, `7 days`: in the largest unit that says it without a remainder."""
    if seconds is None:
        return "–"
    for size, words in UNITS:
        if seconds and seconds % size == 0:
            return str(words % {"count": seconds // size})
    return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}


def ago(at: datetime | None, now: datetime) -> str:
    """`12 minutes ago`: whole units of the largest that has gone by twice, or days."""
    if at is None:
        return "–"
    seconds = int((now - at) / timedelta(seconds=1))
    if seconds < 60:
        return gettext("just now")
    size, words = next(unit for unit in UNITS if seconds >= 2 * unit[0] or unit[0] == 60)
    return gettext("%(span)s ago") % {"span": words % {"count": seconds // size}}


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
