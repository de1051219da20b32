"""The message to whoever can mend a registration: ready to copy or to mail."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone
from django.utils.translation import gettext as _

from whitelist.addresses import IPAddress
from whitelist.pages.records import address_record, pointer_record, right_record, wrong_record
from whitelist.pages.state import PageState
from whitelist.registry.lookup import Why
from whitelist.rules import Reason, Refusal
from whitelist.templatetags.whitelist_times import utc_offset

EMAIL = re.compile(r"[^\s<>,;:()]+@[^\s<>,;:()]+")
# What a help desk can search for.
CODES = {
    Reason.NO_NAME: "IP-NO-NAME",
    Reason.NEEDS_FORWARD: "IP-NEEDS-FORWARD",
    Reason.NEEDS_REVERSE: "IP-NEEDS-REVERSE",
    Reason.GENERATED_NAME: "IP-GENERATED-NAME",
    Reason.MALFORMED: "IP-MALFORMED",
    Reason.REVIEW: "IP-REVIEW",
}
# Stands in a record for the full name that the network admin will choose.
HOSTNAME = "HOSTNAME"


def message(refusal: Refusal, state: PageState) -> dict[str, str]:
    """The text, and where it can be mailed to: the unit's network admin, or in a review us."""
    text = text_for_admin(refusal, state)
    email = recipient(refusal, state)
    return {"text_for_admin": text, "mailto": mailto(email, text)}


def recipient(refusal: Refusal, state: PageState) -> str:
    service = state.situation.settings.contact_email
    if refusal.reason is Reason.REVIEW:
        return service
    return contact_email(unit_contact(refusal)) or service


def unit_contact(refusal: Refusal) -> str:
    """Whom the registry names for the address, else for its network."""
    if refusal.standing is not None:
        return refusal.standing.contact
    return refusal.network.contact if refusal.network else ""


def text_for_admin(refusal: Refusal, state: PageState) -> str:
    situation = state.situation
    checked = timezone.localtime(situation.at)
    facts = {
        _("IP"): str(situation.address),
        _("Name seen"): refusal.name,
        _("Checked"): f"{checked:%Y-%m-%d %H:%M:%S} ({utc_offset()})",
        _("For"): _("SMTP IP whitelist"),
        _("Code"): code(refusal),
    }
    lines = [_("%(label)s: %(value)s") % {"label": k, "value": v} for k, v in facts.items() if v]
    return "\n".join([*wish(refusal, situation.address), "", *lines])


def code(refusal: Refusal) -> str:
    why = refusal.standing.why if refusal.standing else None
    return "-".join([CODES[refusal.reason], *([why.upper().replace("_", "-")] if why else [])])


def wish(refusal: Refusal, address: IPAddress) -> list[str]:
    """What is asked for, with the records to add, line by line."""
    match refusal.reason:
        case Reason.NEEDS_FORWARD:
            return [
                _("Please add the forward record (A or AAAA) of this name:"),
                address_record(refusal.name, address),
            ]
        case Reason.NEEDS_REVERSE:
            return [
                _("Please add the reverse record (PTR) of this IP:"),
                pointer_record(address, refusal.name),
            ]
        case Reason.MALFORMED:
            return wish_to_correct(refusal, address)
        case Reason.REVIEW:
            return [review_wish(refusal)]
        case _other:
            return [
                _("Please register a domain name (forward and reverse):"),
                address_record(HOSTNAME, address),
                pointer_record(address, HOSTNAME),
            ]


def wish_to_correct(refusal: Refusal, address: IPAddress) -> list[str]:
    record = refusal.standing.record if refusal.standing else None
    assert record is not None  # noqa: S101  what is malformed has its record
    return [
        _("Please correct this record:"),
        wrong_record(record),
        _("It should be:"),
        right_record(record, address, otherwise=HOSTNAME),
    ]


def review_wish(refusal: Refusal) -> str:
    why = refusal.standing.why if refusal.standing else None
    if why is Why.SERIES:
        return _("Please decide whether this name is that of one computer:")
    if why is Why.TOO_YOUNG:
        return _("Please let this name count already:")
    return _("Please look at the registration of this IP:")


def contact_email(contact: str) -> str:
    """The e-mail address in a contact, which may also be a name or a telephone."""
    found = EMAIL.search(contact)
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
