"""How a zone stands, in words: what is so, since when, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from whitelist.admin_display import admin_url, ago, local, span
from whitelist.models import HeldTransfer, Zone
from whitelist.models.zone import DEFAULT_REFRESH, ZoneState
from whitelist.registry.following.fault_words import words

TONES: dict[str, str] = {
    ZoneState.BY_HAND: "off",
    ZoneState.NEVER: "go",
    ZoneState.OK: "ok",
    ZoneState.STALE: "warn",
    ZoneState.FAILING: "warn",
    ZoneState.HELD: "warn",
    ZoneState.EXPIRED: "stop",
}


@dataclass(frozen=True)
class Standing:
    """`lines` are sentences; `what`, `to_do` and `detail` speak of the fault, if there is one."""

    state: str
    tone: str
    lines: list[str] = field(default_factory=list)
    what: Any = ""
    to_do: Any = ""
    detail: str = ""
    held_url: str = ""


def standing(zone: Zone, at: datetime) -> Standing:
    state = zone.state(at)
    held: HeldTransfer | None = getattr(zone, "held", None)
    lines = [line for line in SENTENCES[state](zone, at) if line]
    fault = words(zone.fault) if zone.fault and zone.is_followed else None
    return Standing(
        state=str(state.label),
        tone=TONES[state],
        lines=lines,
        what=fault.what if fault else "",
        to_do=fault.to_do if fault else "",
        detail=zone.fault_detail if fault else "",
        held_url=admin_url(HeldTransfer, "change", held.pk) if held else "",
    )


def by_hand(zone: Zone, at: datetime) -> list[str]:
    loaded = {"time": local(zone.loaded_at), "ago": ago(zone.loaded_at, at)}
    return [
        _("Last loaded at %(time)s (%(ago)s).") % loaded,
        _("Nobody follows it: it stays as it is until it is loaded again."),
    ]


def never(zone: Zone, at: datetime) -> list[str]:
    if not zone.is_followed:
        return [_("Known by its name only: its content was never loaded.")]
    return [_("Its content was never loaded."), next_check_line(zone, at)]


def in_step(zone: Zone, at: datetime) -> list[str]:
    return [confirmed_line(zone, at), next_check_line(zone, at)]


def stale(zone: Zone, at: datetime) -> list[str]:
    every = span(zone.refresh or DEFAULT_REFRESH)
    return [
        confirmed_line(zone, at),
        _("It should be asked about every %(span)s.") % {"span": every},
        _("Check that beat and the worker of the queue “registry” run."),
    ]


def failing(zone: Zone, at: datetime) -> list[str]:
    since = {"time": local(zone.failing_since), "ago": ago(zone.failing_since, at)}
    return [
        _("Every attempt since %(time)s has failed (first %(ago)s).") % since,
        stands_line(zone),
        next_check_line(zone, at),
    ]


def expired(zone: Zone, at: datetime) -> list[str]:
    since = {"time": local(zone.expires_at), "ago": ago(zone.expires_at, at)}
    return [
        _("Nobody confirmed it in time: it expired at %(time)s (%(ago)s).") % since,
        _("Its names count for nobody until a name server confirms them."),
        next_check_line(zone, at),
    ]


def on_hold(zone: Zone, at: datetime) -> list[str]:
    held = zone.held
    since = {"time": local(held.held_at), "ago": ago(held.held_at, at)}
    return [
        _("New content came at %(time)s (%(ago)s), and was not applied.") % since,
        held.get_reason_display(),
        stands_line(zone),
    ]


def confirmed_line(zone: Zone, at: datetime) -> str:
    confirmed = {"time": local(zone.checked_at), "ago": ago(zone.checked_at, at)}
    return _("Last confirmed at %(time)s (%(ago)s).") % confirmed


def next_check_line(zone: Zone, at: datetime) -> str:
    if zone.next_check_at is None or zone.next_check_at <= at:
        return _("It is asked about as soon as a worker is free.")
    return _("Next check at %(time)s.") % {"time": local(zone.next_check_at)}


def stands_line(zone: Zone) -> str:
    if zone.loaded_at is None:
        return _("Nothing of it was ever loaded.")
    if zone.expires_at is None:
        return _("What was loaded at %(time)s stands.") % {"time": local(zone.loaded_at)}
    times = {"time": local(zone.loaded_at), "until": local(zone.expires_at)}
    return _("What was loaded at %(time)s stands, until %(until)s at most.") % times


SENTENCES = {
    ZoneState.BY_HAND: by_hand,
    ZoneState.NEVER: never,
    ZoneState.OK: in_step,
    ZoneState.STALE: stale,
    ZoneState.FAILING: failing,
    ZoneState.EXPIRED: expired,
    ZoneState.HELD: on_hold,
}
