"""Figures of which the largest come first: tables whose rows are bars at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from whitelist.admin_display import admin_url
from whitelist.dashboard.figures import UnitUse
from whitelist.dashboard.networks import NetworkUse
from whitelist.dashboard.plots import share
from whitelist.dashboard.words import reason_name
from whitelist.models import AuditRecord, Network, WhitelistEntry


@dataclass(frozen=True)
class Rank:
    """`url` is empty where there is nothing to lead to; `length` of the bar in hundredths."""

    label: str
    length: str
    cells: tuple[str, ...]
    url: str = ""
    note: str = ""


@dataclass(frozen=True)
class Ranking:
    """`header`: of the label, then of the cells. `series` is the colour of its bars."""

    key: str
    title: str
    header: tuple[str, ...]
    rows: tuple[Rank, ...]
    nothing: str
    series: int = 0


def refusals_ranking(found: list[tuple[str, int]]) -> Ranking:
    most, total = max((count for _code, count in found), default=0), sum(n for _code, n in found)
    changelist = admin_url(AuditRecord, "changelist")
    rows = [
        Rank(
            reason_name(code),
            share(count, most),
            (f"{count:,}", f"{count / total:.0%}"),
            f"{changelist}?{urlencode({'action__exact': 'entry_refused', 'q': code})}",
        )
        for code, count in found
    ]
    header = (_("Reason"), _("Refusals"), _("Share"))
    title = _("Refusals by reason")
    return Ranking("refusals", title, header, tuple(rows), _("Nobody was refused."), series=1)


def units_ranking(found: list[UnitUse]) -> Ranking:
    most = max((use.requests for use in found), default=0)
    changelist = admin_url(WhitelistEntry, "changelist")
    rows = [
        Rank(
            use.unit,
            share(use.requests, most),
            (f"{use.requests:,}", "–" if use.messages is None else f"{use.messages:,}"),
            f"{changelist}?{urlencode({'unit': use.unit})}",
        )
        for use in found
    ]
    header = (_("Unit"), _("Requests"), _("Messages"))
    return Ranking("units", _("Top units"), header, tuple(rows), _("Nobody asked."))


def networks_ranking(found: list[NetworkUse], *, with_links: bool) -> Ranking:
    """`with_links`: whether who looks may see the networks' own pages."""
    most = max((use.requests for use in found), default=0)
    rows = [
        Rank(
            use.cidr or _("In no network of the registry"),
            share(use.requests, most),
            (f"{use.requests:,}", f"{use.refused:,}"),
            admin_url(Network, "change", use.pk) if use.pk and with_links else "",
            use.unit,
        )
        for use in found
    ]
    header = (_("Network"), _("Requests"), _("Refused"))
    return Ranking("networks", _("Top networks"), header, tuple(rows), _("Nobody asked."))
