"""Which of its states the page shows: one function, for the page and for its status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from whitelist.models import AccessMap, Relay, SentCount, WhitelistEntry
from whitelist.models.entry import EndReason
from whitelist.models.sent_count import WhatWasSent
from whitelist.rules import EXTENDING, Reason, Refusal, Situation, first_refusal

# How long the page goes on showing what ended.
ENDED_SHOWN = timedelta(hours=1)
# Applying takes a second or two; after this the page says that something is wrong.
SLOW_AFTER = timedelta(minutes=2)


class State(StrEnum):
    """What `data-state` and `status.json` say; part of the service's interface."""

    APPLY = "apply"
    PENDING = "pending"
    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"
    REFUSED = "refused"
    PAUSED = "paused"


@dataclass(frozen=True)
class RelayProgress:
    """How many of the relays that count have installed a serial."""

    total: int
    installed: int

    @property
    def complete(self) -> bool:
        """Never true without a relay: nobody then exempts anything."""
        return 0 < self.total == self.installed


@dataclass(frozen=True)
class PageState:
    """The state, with what its page needs. `entry` is the member's own, running or ended."""

    name: State
    situation: Situation
    relays: RelayProgress
    entry: WhitelistEntry | None = None
    refusal: Refusal | None = None

    @property
    def reason(self) -> Reason | None:
        return self.refusal.reason if self.refusal else None

    @property
    def is_running(self) -> bool:
        return self.name in {State.PENDING, State.ACTIVE, State.ENDING}

    @property
    def takes_requests(self) -> bool:
        return self.name in {State.APPLY, State.ENDED}

    @property
    def time_left(self) -> timedelta:
        """Until the entry ends; zero without a running one."""
        if self.entry is None or not self.is_running:
            return timedelta(0)
        return self.entry.expires_at - self.situation.at

    @property
    def requested_at(self) -> datetime | None:
        """When the running term began: an extension starts a new one."""
        if self.entry is None:
            return None
        began = self.entry.expires_at - self.situation.settings.term
        return min(max(self.entry.opened_at, began), self.situation.at)

    @property
    def is_slow(self) -> bool:
        began = self.requested_at
        return (
            self.name == State.PENDING
            and began is not None
            and self.situation.at - began > SLOW_AFTER
        )

    @property
    def is_extension(self) -> bool:
        """Pending, but in effect before: only the new end is on its way."""
        return (
            self.name == State.PENDING
            and self.entry is not None
            and self.entry.extensions > 0
            and self.entry.effective_at is not None
        )

    @property
    def ended_early(self) -> bool:
        return (
            self.name == State.ENDED
            and self.entry is not None
            and self.entry.finished_at < self.entry.expires_at
        )

    @property
    def next_request_number(self) -> int:
        """Which of today's requests the next one would be."""
        return self.situation.requests_today + 1

    @property
    def is_being_removed(self) -> bool:
        """Ended early, and still exempt at a relay that has not heard of it."""
        return self.ended_early and not self.relays.complete

    @property
    def ended_by_count(self) -> bool:
        by_count = {EndReason.TOO_MUCH, EndReason.BOUNCED}
        return self.ended_early and self.entry is not None and self.entry.end_reason in by_count

    @cached_property
    def sent(self) -> WhatWasSent | None:
        """What the relays have told of the entry; None where no relay counts."""
        if self.entry is None:
            return None
        sums = SentCount.objects.sums([self.entry.pk])
        if not sums and not Relay.objects.active().filter(sent_counts__isnull=False).exists():
            return None
        return sums.get(self.entry.pk, WhatWasSent())

    @cached_property
    def extension_refusal(self) -> Refusal | None:
        """Why the running entry could not be extended now."""
        return first_refusal(self.situation, EXTENDING)


def page_state(situation: Situation) -> PageState:
    """An own running entry first: it stands whatever the rules say of a new request."""
    own = situation.own_entry
    if own is not None:
        relays = relay_progress(own.serial)
        return PageState(running_state(own, relays, situation), situation, relays, entry=own)
    refusal = first_refusal(situation)
    if refusal is not None:
        return refused_state(situation, refusal)
    ended = recently_ended(situation)
    if ended is not None:
        return PageState(State.ENDED, situation, relay_progress(ended.serial), entry=ended)
    return PageState(State.APPLY, situation, relay_progress())


def refused_state(situation: Situation, refusal: Refusal) -> PageState:
    name = State.PAUSED if refusal.reason is Reason.PAUSED else State.REFUSED
    return PageState(name, situation, relay_progress(), refusal=refusal)


def running_state(entry: WhitelistEntry, relays: RelayProgress, situation: Situation) -> State:
    if entry.registration_lost_at and entry.effective_at:
        # In effect before; only its earlier end is on its way, and that must be told at once.
        return State.ENDING
    if not relays.complete:
        return State.PENDING
    left = entry.expires_at - situation.at
    return State.ENDING if left <= situation.settings.extension_window else State.ACTIVE


def recently_ended(situation: Situation) -> WhitelistEntry | None:
    """The member's latest entry of this address, if it ended within the last hour."""
    latest = (
        WhitelistEntry.objects.of_person(*situation.applicant.key)
        .filter(address=str(situation.address))
        .first()
    )
    if latest is None or latest.is_active(situation.at):
        return None
    return latest if latest.finished_at > situation.at - ENDED_SHOWN else None


def relay_progress(serial: int | None = None) -> RelayProgress:
    """Of the relays that count, how many have that serial; by default the map's latest."""
    if serial is None:
        serial = AccessMap.objects.get().serial
    installed = list(Relay.objects.active().values_list("installed_serial", flat=True))
    return RelayProgress(len(installed), sum(reached >= serial for reached in installed))
