"""Figures as the templates show them: a plot, what it says in a sentence, and its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from whitelist.admin_display import local
from whitelist.dashboard import plots
from whitelist.dashboard.figures import PERCENTILES
from whitelist.dashboard.periods import DAY, HOUR, Period

NAMES = {
    "24h": gettext_lazy("last 24 hours"),
    "7d": gettext_lazy("last 7 days"),
    "30d": gettext_lazy("last 30 days"),
}
# How many slots there are from one word of the axis to the next.
EVERY = {"24h": 3, "7d": 4, "30d": 5}
FEW = 7  # words that always have room
TARGET_SECONDS = 60  # within which an entry should take effect
MOST_DRAWN = 5 * TARGET_SECONDS
TITLES = {
    "24h": gettext_lazy("Requests by hour"),
    "7d": gettext_lazy("Requests by quarter of a day"),
    "30d": gettext_lazy("Requests by day"),
}


@dataclass(frozen=True)
class Chart:
    """`summary` stands for the plot where it is not seen; `rows` are all of its numbers.

    `legend`: (number of the series, its name). `key` is unique on the page.
    """

    key: str
    title: str
    summary: str
    plot: plots.Plot
    legend: tuple[tuple[int, str], ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_empty: bool = False


def requests_chart(period: Period, slots: Sequence[tuple[int, int]]) -> Chart:
    """`slots`: how many were approved and refused in each."""
    approved = [slot[0] for slot in slots]
    refused = [slot[1] for slot in slots]
    labels = [slot_label(period, number) for number in range(len(slots))]
    words = _("%(when)s: %(approved)s approved, %(refused)s refused")
    hints = [
        words % {"when": when, "approved": f"{yes:,}", "refused": f"{no:,}"}
        for when, yes, no in zip(labels, approved, refused, strict=True)
    ]
    busiest = max(range(len(slots)), key=lambda number: approved[number] + refused[number])
    counts = {"approved": f"{sum(approved):,}", "refused": f"{sum(refused):,}"}
    summary = _("%(approved)s approved, %(refused)s refused") % counts
    if any(approved) or any(refused):
        summary += _("; most at %(when)s") % {"when": labels[busiest]}
    return Chart(
        "requests",
        str(TITLES[period.code]),
        summary,
        plots.stacked(slots, hints, axis_words(period), middle(period)),
        ((0, _("approved")), (1, _("refused"))),
        (_("from"), _("approved"), _("refused")),
        tuple(
            (label, f"{yes:,}", f"{no:,}")
            for label, yes, no in zip(labels, approved, refused, strict=True)
        ),
        is_empty=not (any(approved) or any(refused)),
    )


def effect_chart(period: Period, found: Sequence[dict[int, float]]) -> Chart:
    half, most = (max((slot.get(p, 0) for slot in found), default=0) for p in PERCENTILES)
    series = [[drawn(slot.get(percent)) for slot in found] for percent in PERCENTILES]
    summary = _(
        "At worst half of the entries took %(half)s seconds or more, and one of twenty"
        " %(most)s; the target is 60"
    ) % {"half": seconds(half), "most": seconds(most)}
    is_empty = not any(found)
    return Chart(
        "effect",
        _("Seconds to take effect"),
        _("No entry took effect") if is_empty else summary,
        plots.lines(series, axis_words(period), TARGET_SECONDS),
        ((0, _("half of them (p50)")), (1, _("95 of 100 (p95)")), (2, _("target"))),
        (_("from"), "p50", "p95"),
        tuple(
            (slot_label(period, number), *(seconds(slot.get(p)) for p in PERCENTILES))
            for number, slot in enumerate(found)
        ),
        is_empty=is_empty,
    )


def active_chart(period: Period, most: Sequence[int]) -> Chart:
    """`most`: how many were active at most, for each slot."""
    labels = [slot_label(period, number) for number in range(len(most))]
    when = labels[max(range(len(most)), key=most.__getitem__)]
    summary = _("At most %(most)s at one time, at %(when)s")
    return Chart(
        "active",
        _("Active entries"),
        summary % {"most": f"{max(most):,}", "when": when} if any(most) else _("None was active"),
        plots.lines([most], axis_words(period)),
        (),
        (_("from"), _("active at most")),
        tuple((label, f"{number:,}") for label, number in zip(labels, most, strict=True)),
        is_empty=not any(most),
    )


def drawn(number: float | None) -> float | None:
    """An hour's wait would make all else a line on the floor: it is drawn at the upper edge."""
    return None if number is None else min(number, MOST_DRAWN)


def seconds(number: float | None) -> str:
    return "–" if number is None else f"{number:,.1f}"


def slot_label(period: Period, number: int) -> str:
    """`2026-11-24 16:00`, or the day alone where a slot is a day."""
    mark = period.marks[number]
    return f"{mark:%Y-%m-%d}" if period.slot == DAY else local(mark, seconds=False)


def middle(period: Period) -> float:
    """A word that names a day stands where the day begins, others below the middle of a slot."""
    return 0.0 if period.slot not in (HOUR, DAY) else 0.5


def axis_words(period: Period) -> list[str]:
    """Counted from the last slot, so that today has its word; hours from the clock."""
    count = len(period.marks)
    return [
        axis_word(period, mark) if is_named(period, mark, count - 1 - number) else ""
        for number, mark in enumerate(period.marks)
    ]


def is_named(period: Period, mark: datetime, from_the_end: int) -> bool:
    if period.slot == DAY:
        return from_the_end % EVERY[period.code] == 0 or len(period.marks) <= FEW
    if period.slot == HOUR:
        return mark.hour % EVERY[period.code] == 0
    return mark.hour == 0


def axis_word(period: Period, mark: datetime) -> str:
    return f"{mark:%H}" if period.slot == HOUR else f"{mark.month}/{mark.day}"
