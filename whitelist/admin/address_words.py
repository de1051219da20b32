"""How an address stands, in words: what is so, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from whitelist.admin.host import first_seen_words
from whitelist.admin.omission_names import omission_name
from whitelist.admin_display import local, tag
from whitelist.models.registration import LiveVerdict
from whitelist.registry.agreement import AddressStatus, Why
from whitelist.registry.dossier import Dossier
from whitelist.registry.lookup import Standing

TAGS = {
    AddressStatus.REGISTERED: (gettext_lazy("Registered"), "ok"),
    AddressStatus.NO_NAME: (gettext_lazy("No name"), "stop"),
    AddressStatus.NEEDS_FORWARD: (gettext_lazy("Forward record missing"), "stop"),
    AddressStatus.NEEDS_REVERSE: (gettext_lazy("Reverse record missing"), "stop"),
    AddressStatus.GENERATED_NAME: (gettext_lazy("Generated name"), "stop"),
    AddressStatus.SHARED_ADDRESS: (gettext_lazy("Shared address"), "stop"),
    AddressStatus.MALFORMED: (gettext_lazy("Malformed record"), "stop"),
    AddressStatus.REVIEW: (gettext_lazy("Waits for a decision"), "warn"),
}
LIVE_TONES = {
    LiveVerdict.ASKED: "go",
    LiveVerdict.REGISTERED: "ok",
    LiveVerdict.UNREGISTERED: "stop",
    LiveVerdict.UNKNOWN: "warn",
}


@dataclass(frozen=True)
class Verdict:
    """`what` is so, and `missing` is what would change it; empty where nothing is missing."""

    tag: SafeString
    what: str
    missing: str = ""


def verdict(found: Standing) -> Verdict:
    sentences, shown = SENTENCES[found.status], tag(*TAGS[found.status])
    if found.status is AddressStatus.REVIEW and found.why:
        sentences = REVIEWS[found.why]
        if found.why is Why.OVERRIDE:
            shown = tag(_("Refused by staff"), "stop")
    return Verdict(shown, *sentences(found))


def registered(found: Standing) -> tuple[str, str]:
    name = {"name": found.name}
    if found.why is Why.OVERRIDE:
        return _("Staff have decided that it counts as registered under %(name)s.") % name, ""
    return _("It counts as registered under %(name)s.") % name, ""


def no_name(found: Standing) -> tuple[str, str]:
    return (
        _("No zone and no list has a name for this address."),
        _("A PTR record in its reverse zone, and an A or AAAA record with the same name."),
    )


def needs_forward(found: Standing) -> tuple[str, str]:
    name = {"name": found.name}
    return (
        _("Its reverse zone says %(name)s, and the forward zone does not agree.") % name,
        _("An A or AAAA record of %(name)s with this address.") % name,
    )


def needs_reverse(found: Standing) -> tuple[str, str]:
    name = {"name": found.name}
    return (
        _("The forward zone gives %(name)s this address, and its reverse zone does not agree.")
        % name,
        _("A PTR record of this address that says %(name)s.") % name,
    )


def generated(found: Standing) -> tuple[str, str]:
    text = _("%(name)s was made for a whole range of addresses, and registers no computer.")
    return text % {"name": found.name}, _("A name of the computer's own, forward and reverse.")


def shared(found: Standing) -> tuple[str, str]:
    kind = found.network.get_kind_display() if found.network else "–"
    text = _("Many machines use the addresses of its network (%(kind)s), so no name counts here.")
    return text % {"kind": kind}, _("An address in a static network.")


def malformed(found: Standing) -> tuple[str, str]:
    record = found.record
    if record is None:
        return no_name(found)
    facts = {"record": str(record), "reason": omission_name(record.reason), "zone": found.zone}
    return (
        _("A record was meant for it that cannot count: %(record)s (%(reason)s).") % facts,
        _("That record, corrected in the zone %(zone)s.") % facts,
    )


def review(found: Standing) -> tuple[str, str]:
    return _("Staff have to look at it."), _("A decision of staff: an override.")


def too_young(found: Standing) -> tuple[str, str]:
    facts = {"name": found.name, "time": local(found.until)}
    return (
        _("%(name)s is new, and counts from %(time)s on.") % facts,
        _("Time; or a decision of staff: an override."),
    )


def expired_zone(found: Standing) -> tuple[str, str]:
    facts = {"name": found.name, "zone": found.zone}
    return (
        _("%(name)s stands in a zone that nobody confirmed in time: %(zone)s.") % facts,
        _("An answer of the zone's name servers."),
    )


def series(found: Standing) -> tuple[str, str]:
    text = _("%(name)s is one of a long series of names, numbered in step with their addresses.")
    return text % {"name": found.name}, _("A decision of staff: an override.")


def refused(found: Standing) -> tuple[str, str]:
    return (
        _("Staff have decided that it does not count as registered, whatever the zones say."),
        _("That the override ends, or is lifted."),
    )


def live_differs(found: Standing) -> tuple[str, str]:
    return (
        _("The name servers have it registered; what we hold of their zones does not."),
        _("Somebody who finds out why: another view, a wildcard, a server left behind."),
    )


SENTENCES: dict[AddressStatus, Callable[[Standing], tuple[str, str]]] = {
    AddressStatus.REGISTERED: registered,
    AddressStatus.NO_NAME: no_name,
    AddressStatus.NEEDS_FORWARD: needs_forward,
    AddressStatus.NEEDS_REVERSE: needs_reverse,
    AddressStatus.GENERATED_NAME: generated,
    AddressStatus.SHARED_ADDRESS: shared,
    AddressStatus.MALFORMED: malformed,
    AddressStatus.REVIEW: review,
}
REVIEWS: dict[Why, Callable[[Standing], tuple[str, str]]] = {
    Why.TOO_YOUNG: too_young,
    Why.EXPIRED_ZONE: expired_zone,
    Why.SERIES: series,
    Why.OVERRIDE: refused,
    Why.LIVE_DIFFERS: live_differs,
}


def since_words(known: Dossier) -> str:
    """Since when its best name is there, also where it was there from the beginning."""
    found = known.standing
    if found.since:
        return local(found.since)
    for host in known.hosts:
        if host.name == found.name and str(host.zone) == found.zone:
            return first_seen_words(host)
    return ""


def live_tag(word: str) -> SafeString:
    answer = LiveVerdict(word)
    return tag(answer.label, LIVE_TONES[answer])
