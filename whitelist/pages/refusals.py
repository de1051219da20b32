"""A refusal of the rules → its page: what happened, what to do, what we saw, who helps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from whitelist.models import Network
from whitelist.pages.answers import state_page
from whitelist.pages.state import PageState
from whitelist.rules import Reason, Refusal
from whitelist.templatetags.whitelist_times import local_day_minute, local_hour, utc_offset

FORBIDDEN = 403
TOO_MANY_REQUESTS = 429
EMAIL = re.compile(r"[^\s<>,;:()]+@[^\s<>,;:()]+")


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
    Reason.QUOTA: Look("warn", "icons/clock.svg"),
    Reason.ADDRESS_IN_USE: Look("warn", "icons/person.svg"),
    Reason.PAUSED: Look("off", "icons/pause.svg"),
    Reason.SUSPENDED_ADDRESS: Look("stop", "icons/ban.svg"),
    Reason.SUSPENDED_PERSON: Look("stop", "icons/ban.svg"),
}
# What a help desk can search for, in the text that goes to the network's admin.
NAME_CODES = {
    Reason.NO_NAME: "IP-NO-NAME",
    Reason.NEEDS_FORWARD: "IP-NEEDS-FORWARD",
    Reason.NEEDS_REVERSE: "IP-NEEDS-REVERSE",
    Reason.GENERATED_NAME: "IP-GENERATED-NAME",
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
    if reason in NAME_CODES:
        context |= for_the_admin(refusal, state)
    return state_page(request, f"whitelist/refused/{reason}.html", state, status=status, **context)


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


def for_the_admin(refusal: Refusal, state: PageState) -> dict[str, str]:
    """The text to hand on, and the address to which it can be mailed."""
    text = text_for_admin(refusal, state)
    email = contact_email(refusal.network)
    return {"text_for_admin": text, "admin_email": email, "mailto": mailto(email, text)}


def text_for_admin(refusal: Refusal, state: PageState) -> str:
    situation = state.situation
    checked = timezone.localtime(situation.at)
    facts = {
        _("IP"): str(situation.address),
        _("Name seen"): refusal.name,
        _("Checked"): f"{checked:%Y-%m-%d %H:%M:%S} ({utc_offset()})",
        _("For"): _("SMTP IP whitelist"),
        _("Code"): NAME_CODES[refusal.reason],
    }
    lines = [_("%(label)s: %(value)s") % {"label": k, "value": v} for k, v in facts.items() if v]
    return "\n".join([wish(refusal.reason), *lines])


def wish(reason: Reason) -> str:
    match reason:
        case Reason.NEEDS_FORWARD:
            return _("Please add the forward record (A or AAAA) of this name:")
        case Reason.NEEDS_REVERSE:
            return _("Please add the reverse record (PTR) of this IP:")
        case _other:
            return _("Please register a domain name (forward and reverse):")


def contact_email(network: Network | None) -> str:
    """The e-mail address in the network's contact, which may also be a name or a telephone."""
    found = EMAIL.search(network.contact) if network else None
    if found is None:
        return ""
    try:
        validate_email(found[0])
    except ValidationError:
        return ""
    return found[0]


def mailto(email: str, text: str) -> str:
    if not email:
        return ""
    fields = {"subject": _("SMTP IP whitelist: domain name registration"), "body": text}
    return f"mailto:{quote(email, safe='@')}?{urlencode(fields, quote_via=quote)}"
