"""How a past or present entry is called in a member's history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from whitelist.models import WhitelistEntry
from whitelist.models.entry import EndReason
from whitelist.models.sent_count import WhatWasSent
from whitelist.templatetags.whitelist_times import minutes, whole_minutes

register = template.Library()


@dataclass(frozen=True)
class EntryWords:
    """Status word with its tone and icon, and a note."""

    word: str
    tone: str
    icon: str
    note: str = ""


@register.simple_tag
def entry_words(
    entry: WhitelistEntry, at: datetime, installed_serial: int | None = None
) -> EntryWords:
    """`installed_serial`: what every active relay has; None where there is no relay."""
    if entry.is_active(at):
        left = _("%(left)s left") % {"left": minutes(whole_minutes(entry.expires_at - at))}
        if installed_serial is None or entry.serial > installed_serial:
            return EntryWords(_("Applying"), "go", "icons/clock.svg", left)
        return EntryWords(_("Active"), "ok", "icons/circle-check.svg", left)
    return ended_words(entry)


@register.filter
def sent_words(sent: WhatWasSent) -> str:
    """`12 messages, 340 recipients, 1 bounced`."""
    messages = ngettext("%(count)d message", "%(count)d messages", sent.messages)
    recipients = ngettext("%(count)d recipient", "%(count)d recipients", sent.recipients)
    bounced = ngettext("%(count)d bounced", "%(count)d bounced", sent.bounced)
    words = {
        "messages": messages % {"count": sent.messages},
        "recipients": recipients % {"count": sent.recipients},
        "bounced": bounced % {"count": sent.bounced},
    }
    return _("%(messages)s, %(recipients)s, %(bounced)s") % words


def ended_words(entry: WhitelistEntry) -> EntryWords:
    if entry.end_reason == EndReason.SUSPENDED:
        return EntryWords(pgettext("entry", "Suspended"), "stop", "icons/ban.svg", note_on(entry))
    word = {EndReason.EXPIRED: _("Ended"), EndReason.OWNER: _("Removed"), "": _("Ended")}.get(
        entry.end_reason, _("Ended early")
    )
    return EntryWords(word, "off", "icons/minus-circle.svg", note_on(entry))


def note_on(entry: WhitelistEntry) -> str:
    """Staff's own note stays inside: the member has the reference to ask by."""
    stopped = _("Stopped by staff (%(reference)s)") % {"reference": entry.reference}
    notes = {
        EndReason.OWNER: _("Removed early by you"),
        EndReason.STAFF: stopped,
        EndReason.SUSPENDED: stopped,
        EndReason.REGISTRATION_LOST: _("The IP was no longer registered"),
        EndReason.TOO_MUCH: _("More was sent than one exemption is meant for"),
        EndReason.BOUNCED: _("Too much was refused by its recipients"),
        EndReason.ELIGIBILITY_LOST: _("You were no longer eligible"),
    }
    return notes.get(EndReason(entry.end_reason), "") if entry.end_reason else ""
