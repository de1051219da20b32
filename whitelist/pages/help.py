"""What the help page says: the rules as they are set now, and every refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal_auth.errors import PortalCheckFailed, Refusal
from portal_auth.guard import meaning
from whitelist.models import MenuService, ServiceSettings
from whitelist.models.menu import OwnPage
from whitelist.models.service_settings import RegistrationRule
from whitelist.pages.refusals import LOOKS, headings
from whitelist.rules import Reason
from whitelist.templatetags.whitelist_times import minutes, short_zone_name


@dataclass(frozen=True)
class Line:
    """One rule: what it is about, how it is set, and what else is to be known of it."""

    what: str
    value: str
    note: str = ""


def help_texts(settings: ServiceSettings) -> dict[str, Any]:
    """In the language of the request; `way` is this service's line of the menu, if it has one."""
    return {
        "way": MenuService.objects.menu().filter(page=OwnPage.WHITELIST).first(),
        "codes": portal_codes(),
        "rules": rules_as_set(settings),
        "refusals": refusals_explained(settings),
    }


def portal_codes() -> list[tuple[int, str, str]]:
    """Code, its meaning, what to do."""
    again = _("Sign in again from the campus portal")
    remedies = {
        Refusal.NOT_FROM_PORTAL: _("Sign in from the campus portal"),
        Refusal.NOT_ELIGIBLE: _("Ask the Registrar or Personnel Office"),
    }
    return [
        (int(code), meaning(PortalCheckFailed(code, "")), remedies.get(code, again))
        for code in sorted(Refusal, reverse=True)
    ]


def rules_as_set(settings: ServiceSettings) -> list[Line]:
    """Only what is in force: a limit that is switched off is not mentioned."""
    lines = [term_line(settings), quota_line(settings), extension_line(settings)]
    return [*lines, *name_lines(settings), *sending_lines(settings)]


def term_line(settings: ServiceSettings) -> Line:
    return Line(_("Term"), minutes(settings.term_minutes), _("From the moment you apply."))


def quota_line(settings: ServiceSettings) -> Line:
    number = settings.requests_per_day
    note = _("A request is an application or an extension. The day begins at 00:00 (%(zone)s).")
    if not number:
        return Line(_("Requests a person a day"), _("No limit"))
    return Line(_("Requests a person a day"), str(number), note % {"zone": short_zone_name()})


def extension_line(settings: ServiceSettings) -> Line:
    return Line(
        _("Extension"),
        _("Offered in the last %(span)s") % {"span": minutes(settings.extend_within_minutes)},
        _("It then runs for one full term from that moment."),
    )


def name_lines(settings: ServiceSettings) -> list[Line]:
    rules = {
        RegistrationRule.AGREEING: _("Its forward and its reverse record agree"),
        RegistrationRule.REVERSE: _("It has a reverse record"),
        RegistrationRule.FORWARD: _("It has a forward record"),
    }
    lines = [
        Line(_("A domain name counts when"), rules[RegistrationRule(settings.registration_rule)])
    ]
    if settings.suffixes:
        lines.append(Line(_("It must end in"), ", ".join(settings.suffixes)))
    if hours := settings.minimum_age_hours:
        value = ngettext("Counts after %(number)d hour", "Counts after %(number)d hours", hours)
        lines.append(Line(_("A new name"), value % {"number": hours}))
    if length := settings.series_length:
        text = _("%(number)d or more in a row wait for a decision of staff") % {"number": length}
        lines.append(Line(_("Names numbered like their IPs"), text, _("Such as pc1, pc2, pc3…")))
    grace = settings.registration_grace_minutes
    value = _("The entry ends after %(span)s") % {"span": minutes(grace)}
    return [*lines, Line(_("A name that is lost"), value if grace else _("The entry ends"))]


def sending_lines(settings: ServiceSettings) -> list[Line]:
    """What an entry does not lift, and what ends it before its time."""
    raised = []
    if hour := settings.raised_per_hour:
        text = ngettext("%(number)s recipient an hour", "%(number)s recipients an hour", hour)
        raised.append(text % {"number": f"{hour:,}"})
    if day := settings.raised_per_day:
        text = ngettext("%(number)s recipient a day", "%(number)s recipients a day", day)
        raised.append(text % {"number": f"{day:,}"})
    lines = [Line(_("Still at most"), text) for text in raised]
    if most := settings.end_above_recipients:
        text = _("Above %(number)s recipients") % {"number": f"{most:,}"}
        lines.append(Line(_("An entry ends early"), text))
    if percent := settings.end_at_bounced_percent:
        text = _("When %(percent)d %% or more of at least %(number)s recipients are bounced")
        values = {"percent": percent, "number": f"{settings.bounce_judged_from:,}"}
        lines.append(Line(_("An entry ends early"), text % values))
    return lines


def refusals_explained(settings: ServiceSettings) -> list[dict[str, Any]]:
    """Every refusal of the rules: its heading as its page has it, its look, what to do."""
    titles = {
        **headings(),
        Reason.PAUSED: _("This service is paused"),
        Reason.QUOTA: _("No requests left today"),
    }
    remedies = what_to_do()
    return [
        {"reason": reason, "title": titles[reason], "look": LOOKS[reason], "do": remedies[reason]}
        for reason in Reason
        if reason is not Reason.QUOTA or settings.requests_per_day
    ]


def what_to_do() -> dict[Reason, str]:
    ask_admin = _("Send the details on that page to your unit’s network admin.")
    contact_us = _("Contact us with the case number and what you have done.")
    return {
        Reason.PAUSED: _("Wait until it reopens. Active entries stay valid until they end."),
        Reason.OFF_CAMPUS: _("Use a campus computer, without VPN or proxy."),
        Reason.SUSPENDED_ADDRESS: contact_us,
        Reason.SUSPENDED_PERSON: contact_us,
        Reason.SHARED_ADDRESS: _("Connect by cable to a network with fixed, registered IPs."),
        Reason.NO_NAME: ask_admin,
        Reason.NEEDS_FORWARD: ask_admin,
        Reason.NEEDS_REVERSE: ask_admin,
        Reason.GENERATED_NAME: ask_admin,
        Reason.MALFORMED: ask_admin,
        Reason.REVIEW: _("Wait, or send the details on that page to Network Systems."),
        Reason.ADDRESS_IN_USE: _("If you share the computer, you can send now. If not, tell us."),
        Reason.QUOTA: _("Apply again tomorrow. Normal mail still works."),
    }
