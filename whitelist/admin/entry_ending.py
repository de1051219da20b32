"""Ending entries by hand: what is asked before, what is said after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext

from whitelist import audit
from whitelist.admin.confirm import Question
from whitelist.entries import EntryEndedError, do_end_entry
from whitelist.models import WhitelistEntry
from whitelist.models.entry import EndReason


def question_about(active: list[WhitelistEntry], ended: int, back: str, action: str) -> Question:
    text = gettext("The sending limit is back as soon as the relays have it.")
    if ended:
        text += " " + ngettext(
            "%(count)d selected entry has ended already.",
            "%(count)d selected entries have ended already.",
            ended,
        ) % {"count": ended}
    title = ngettext("End %(count)d entry now?", "End %(count)d entries now?", len(active))
    return Question(
        title=title % {"count": len(active)},
        text=text,
        button=gettext("End now"),
        back=back,
        items=[f"{entry.reference} · {entry.address} · {entry.hostname}" for entry in active],
        action=action,
        selected=[entry.pk for entry in active],
    )


def end_entries(
    request: HttpRequest, entries: Iterable[WhitelistEntry], reason: str, at: datetime
) -> None:
    """Each in its own transaction: one that ended meanwhile does not keep the others."""
    done, late = [], []
    actor = audit.staff(cast(Any, request.user))
    for entry in entries:
        try:
            done.append(
                do_end_entry(entry, actor=actor, reason=EndReason.STAFF, at=at, note=reason)
            )
        except EntryEndedError:
            late.append(entry)
    report(request, done, late)


def report(request: HttpRequest, done: list[WhitelistEntry], late: list[WhitelistEntry]) -> None:
    if done:
        text = ngettext(
            "Ended %(count)d entry: %(list)s", "Ended %(count)d entries: %(list)s", len(done)
        )
        messages.success(request, text % {"count": len(done), "list": references(done)})
    if late:
        text = gettext("Had ended already, nothing done: %(list)s")
        messages.warning(request, text % {"list": references(late)})


def references(entries: list[WhitelistEntry]) -> str:
    return ", ".join(entry.reference for entry in entries)
