"""Releasing a held transfer: who would be hit, what is asked, what is said after."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from django import forms
from django.conf import settings
from django.contrib import messages
from django.utils.translation import gettext

from whitelist.admin.confirm import Question
from whitelist.audit import Actor
from whitelist.models import HeldTransfer, WhitelistEntry, Zone
from whitelist.models.sync_run import SyncTrigger
from whitelist.registry.applying.held import ChangedMeanwhileError, difference, do_release
from whitelist.registry.following.schedule import REVIEW_TASK, request_sync
from whitelist.registry.following.zone_lock import ZoneBusyError, zone_lock
from whitelist.sending import send_task

MOST_SHOWN = 200  # of each kind
MOST_ENTRIES = 200


class ContentForm(forms.Form):
    """Exactly which content is decided about: what the page showed."""

    serial = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)


def release_question(held: HeldTransfer, back: str) -> Question:
    items = [
        gettext("Serial %(serial)s, digest %(digest)s")
        % {"serial": held.serial or "–", "digest": held.digest},
        gettext("%(removed)s hosts removed, %(added)s added")
        % {"removed": f"{held.removed:,}", "added": f"{held.added:,}"},
        gettext("%(lost)s of %(all)s addresses lose their last name")
        % {"lost": f"{held.addresses_lost:,}", "all": f"{held.addresses_before:,}"},
        gettext("%(count)s active entries among them") % {"count": f"{held.entries_hit:,}"},
    ]
    return Question(
        title=gettext("Release this content of %(zone)s?") % {"zone": held.zone},
        text=gettext(
            "It replaces what is stored. Entries whose address is not registered any more get a"
            " notice, and end after the grace period."
        ),
        button=gettext("Release"),
        back=back,
        items=items,
    )


def release(
    zone: Zone, *, serial: int | None, digest: str, actor: Actor, at: datetime
) -> tuple[int, str]:
    """Do it under the zone's lock; the level and text of the message that tells how it went."""
    try:
        with zone_lock(zone.pk, settings.VAR_DIR / "locks"):
            changes = do_release(zone, serial=serial, digest=digest, actor=actor, at=at)
    except ZoneBusyError:
        return messages.WARNING, gettext(
            "The zone is being synced right now. Try again in a minute; nothing was done."
        )
    except ChangedMeanwhileError:
        return messages.WARNING, gettext(
            "What is held has changed since you looked at it. Nothing was done; this is how it"
            " stands now."
        )
    follow_up(zone, actor, at)
    numbers = {"removed": f"{changes.removed:,}", "added": f"{changes.added:,}"}
    return messages.SUCCESS, gettext(
        "Released: %(removed)s hosts removed, %(added)s added."
    ) % numbers


def follow_up(zone: Zone, actor: Actor, at: datetime) -> None:
    """Entries are reviewed and the zone confirmed at once, not only when their time comes."""
    send_task(REVIEW_TASK, otherwise="beat will send it")
    if zone.is_followed:
        request_sync(zone, SyncTrigger.STAFF, actor.name, at=at)


def first_differences(held: HeldTransfer) -> list[tuple[str, str, str]]:
    """The first of what would be removed, then the first of what would be added."""
    wanted = {"-": min(held.removed, MOST_SHOWN), "+": min(held.added, MOST_SHOWN)}
    found: dict[str, list[tuple[str, str, str]]] = {"-": [], "+": []}
    for line in difference(held):
        sign = line[0]
        if len(found[sign]) < MOST_SHOWN:
            found[sign].append(line)
        if all(len(found[sign]) >= number for sign, number in wanted.items()):
            break
    return found["-"] + found["+"]


def entries_hit(held: HeldTransfer, at: datetime) -> list[WhitelistEntry]:
    """Active entries of addresses that would lose their last name in the zone.

    Reads the whole difference, but only where the transfer was found to hit somebody.
    """
    if not held.entries_hit:
        return []
    entries = {entry.address: entry for entry in WhitelistEntry.objects.active(at)}
    lost: Counter[str] = Counter()
    kept = set()
    for sign, address, _name in difference(held):
        if address in entries:
            lost[address] += sign == "-"
            if sign == "+":
                kept.add(address)
    stored = Counter(held.zone.hosts.filter(address__in=lost).values_list("address", flat=True))
    hit = sorted(
        address for address in lost if address not in kept and lost[address] == stored[address]
    )
    return [entries[address] for address in hit[:MOST_ENTRIES]]
