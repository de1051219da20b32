"""A refusal of the rules → its page: what happened, what to do, what we saw, who helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from whitelist.models import OmittedRecord
from whitelist.pages.admin_text import CODES, message, unit_contact
from whitelist.pages.answers import state_page
from whitelist.pages.opinion import opinion_of_servers
from whitelist.pages.records import wrong_record
from whitelist.pages.state import PageState
from whitelist.registry.classify import LeftOut
from whitelist.rules import Reason, Refusal
from whitelist.templatetags.whitelist_times import local_day_minute, local_hour

FORBIDDEN = 403
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True)
class Look:
    """Tone and icon of a refusal's panel. Red is for suspension only."""

    tone: str
    icon: str


WARNING = Look("warn", "icons/alert.svg")
LOOKS = {
    Reason.OFF_CAMPUS: Look("warn", "icons/wifi.svg"),
    Reason.SHARED_ADDRESS: Look("warn", "icons/wifi.svg"),
    Reason.NO_NAME: Look("warn", "icons/tag.svg"),
    Reason.NEEDS_FORWARD: Look("warn", "icons/tag.svg"),
    Reason.NEEDS_REVERSE: Look("warn", "icons/tag.svg"),
    Reason.GENERATED_NAME: Look("warn", "icons/tag.svg"),
    Reason.MALFORMED: Look("warn", "icons/tag.svg"),
    Reason.REVIEW: Look("warn", "icons/clock.svg"),
    Reason.QUOTA: Look("warn", "icons/clock.svg"),
    Reason.ADDRESS_IN_USE: Look("warn", "icons/person.svg"),
    Reason.PAUSED: Look("off", "icons/pause.svg"),
    Reason.SUSPENDED_ADDRESS: Look("stop", "icons/ban.svg"),
    Reason.SUSPENDED_PERSON: Look("stop", "icons/ban.svg"),
}


def refusal_page(request: HttpRequest, state: PageState) -> HttpResponse:
    """200 to who only looks, 403 to a refused request, 429 where the quota refused it."""
    refusal = state.refusal
    assert refusal is not None  # noqa: S101  a caller's mistake, not a condition
    reason = refusal.reason
    status = 200
    if request.method == "POST":
        status = TOO_MANY_REQUESTS if reason is Reason.QUOTA else FORBIDDEN
    context = {
        "look": LOOKS[reason],
        "word": status_word(reason),
        "heading": heading(refusal, state),
    }
    if reason in CODES:
        context |= registration_context(request, refusal, state)
    return state_page(request, f"whitelist/refused/{reason}.html", state, status=status, **context)


def registration_context(
    request: HttpRequest, refusal: Refusal, state: PageState
) -> dict[str, Any]:
    """What the registry and the name servers say, and the message to whoever can mend it."""
    record = refusal.standing.record if refusal.standing else None
    return {
        **message(refusal, state),
        "contact": unit_contact(refusal),
        "opinion": opinion_of_servers(request, state),
        "record": wrong_record(record) if record else "",
        "fault": record_fault(record) if record else "",
    }


def record_fault(record: OmittedRecord) -> str:
    """What is wrong with a record, in a sentence."""
    names = {"type": record.type, "owner": record.owner, "target": record.target}
    match record.reason:
        case LeftOut.UNFINISHED_TARGET:
            return _("Its %(type)s record points to %(target)s: the final dot is missing.") % names
        case LeftOut.NOT_AN_ADDRESS:
            return _("Its %(type)s record stands at %(owner)s, which is not an IP.") % names
        case _other:
            return _("Its %(type)s record has a name that no computer can have.") % names


def status_word(reason: Reason) -> str:
    match reason:
        case Reason.PAUSED:
            return _("Not taking requests")
        case Reason.QUOTA:
            return _("No requests left today")
        case Reason.SUSPENDED_ADDRESS | Reason.SUSPENDED_PERSON:
            return _("Suspended")
        case _other:
            return _("Cannot add")


def heading(refusal: Refusal, state: PageState) -> str:
    match refusal.reason:
        case Reason.PAUSED:
            return paused_heading(refusal, state)
        case Reason.QUOTA:
            return ngettext(
                "You have used today’s only request",
                "You have used today’s %(limit)d requests",
                refusal.limit,
            ) % {"limit": refusal.limit}
        case reason:
            return str(headings()[reason])


def headings() -> dict[Reason, str]:
    return {
        Reason.OFF_CAMPUS: _("You are not on the campus network"),
        Reason.SHARED_ADDRESS: _("IP addresses of this network cannot be whitelisted"),
        Reason.NO_NAME: _("This IP has no registered domain name"),
        Reason.NEEDS_FORWARD: _("The domain name of this IP lacks its forward record"),
        Reason.NEEDS_REVERSE: _("The domain name of this IP lacks its reverse record"),
        Reason.GENERATED_NAME: _("This IP only has an automatic name"),
        Reason.MALFORMED: _("The domain name record of this IP has a mistake"),
        Reason.REVIEW: _("The domain name of this IP does not count yet"),
        Reason.ADDRESS_IN_USE: _("Somebody else has whitelisted this IP"),
        Reason.SUSPENDED_ADDRESS: _("Whitelisting is suspended for this IP"),
        Reason.SUSPENDED_PERSON: _("Whitelisting is suspended for your account"),
    }


def paused_heading(refusal: Refusal, state: PageState) -> str:
    until = refusal.until
    if until is None:
        return _("This service is paused")
    today = timezone.localdate(state.situation.at) == timezone.localdate(until)
    moment = local_hour(until) if today else local_day_minute(until)
    return _("This service is paused until %(moment)s") % {"moment": moment}
