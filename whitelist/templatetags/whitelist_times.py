"""Times as members read them: local, with the weekday, in the language of the request.

Every filter takes an aware datetime; `zone_name` says in which zone the others speak.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

register = template.Library()

WEEKDAYS_ZH = "一二三四五六日"
WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TAIPEI = "Asia/Taipei"


@register.filter
def local_instant(at: datetime) -> str:
    """`2026/11/24（二）16:22:08` or `Tue 24 Nov 2026, 16:22:08`."""
    return with_day(at, year=True, seconds=True)


@register.filter
def local_minute(at: datetime) -> str:
    """The same without seconds."""
    return with_day(at, year=True, seconds=False)


@register.filter
def local_day_time(at: datetime) -> str:
    """`11/24（二）16:22:08` or `Tue 24 Nov, 16:22:08`."""
    return with_day(at, year=False, seconds=True)


@register.filter
def local_day_minute(at: datetime) -> str:
    """`11/24（二）16:22` or `Tue 24 Nov, 16:22`."""
    return with_day(at, year=False, seconds=False)


@register.filter
def local_clock(at: datetime) -> str:
    """`16:22:08`."""
    return f"{timezone.localtime(at):%H:%M:%S}"


@register.filter
def local_hour(at: datetime) -> str:
    """`16:22`."""
    return f"{timezone.localtime(at):%H:%M}"


@register.simple_tag
def local_period(start: datetime, end: datetime) -> str:
    """`Tue 24 Nov, 16:22:08 – 17:22:08`; the end has its day where that is another one."""
    return f"{local_day_time(start)} – {clock_on_day(end, start)}"


@register.simple_tag
def clock_on_day(at: datetime, other: datetime) -> str:
    """`17:22:08`, or with the day where it is not the local day of `other`."""
    same = timezone.localtime(at).date() == timezone.localtime(other).date()
    return local_clock(at) if same else local_day_time(at)


@register.filter
def minutes(number: float) -> str:
    """`60 minutes`."""
    return ngettext("%(number)d minute", "%(number)d minutes", int(number)) % {
        "number": int(number)
    }


@register.filter
def whole_seconds(span: timedelta) -> int:
    return max(0, int(span.total_seconds()))


@register.filter
def whole_minutes(span: timedelta) -> int:
    """Begun minutes do not count: who reads `1 minute` has one."""
    return whole_seconds(span) // 60


@register.filter
def unix_milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


@register.simple_tag
def zone_name() -> str:
    """`台灣時間（UTC+8）`; elsewhere the bare offset."""
    zone = timezone.get_current_timezone_name()
    offset = utc_offset()
    return _("Taiwan time (UTC+8)") if zone == TAIPEI else offset


@register.simple_tag
def short_zone_name() -> str:
    """`台灣時間`, where the offset would be too much."""
    zone = timezone.get_current_timezone_name()
    return _("Taiwan time") if zone == TAIPEI else utc_offset()


def utc_offset() -> str:
    """`UTC+8`, `UTC-3:30`: of the current zone, now."""
    seconds = int((timezone.localtime().utcoffset() or timedelta(0)).total_seconds())
    hours, minutes = divmod(abs(seconds) // 60, 60)
    sign = "-" if seconds < 0 else "+"
    return f"UTC{sign}{hours}:{minutes:02d}" if minutes else f"UTC{sign}{hours}"


def with_day(at: datetime, *, year: bool, seconds: bool) -> str:
    local = timezone.localtime(at)
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    if get_language() == "en":
        day = f"{WEEKDAYS_EN[local.weekday()]} {local.day} {MONTHS_EN[local.month - 1]}"
        return f"{day} {local.year}, {clock}" if year else f"{day}, {clock}"
    day = f"{local.month}/{local.day}（{WEEKDAYS_ZH[local.weekday()]}）"
    return f"{local.year}/{day}{clock}" if year else f"{day}{clock}"
