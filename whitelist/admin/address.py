"""What do we know about this address? One page, for staff and for the unit's network admin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from whitelist.addresses import AddressError, IPAddress, NotOneComputerError, parse_address
from whitelist.admin.address_link import address_url
from whitelist.admin.address_words import Verdict, live_tag, since_words, verdict
from whitelist.admin.host import end_of, first_seen_words, has_ended
from whitelist.admin.omission_names import omission_name
from whitelist.admin.override import decision_tag, state_tag
from whitelist.admin.unit_scope import is_confined
from whitelist.admin.zone_standing import TONES
from whitelist.admin_display import admin_url, tag
from whitelist.models import Block, Host, Network, RegistrationOverride, WhitelistEntry, Zone
from whitelist.models.registration import LiveVerdict
from whitelist.registry.agreement import Why
from whitelist.registry.classify import names_nobody
from whitelist.registry.dossier import Dossier, dossier
from whitelist.registry.second_opinion import request_opinion
from whitelist.units import is_of_units, units_of

MOST_ENTRIES = 20


class NotOursToShow(ValueError):
    """The words for why there is nothing to show about what was asked."""


@dataclass(frozen=True)
class AddressPage:
    """What the page shows besides the dossier: its words, and what this user may do and see."""

    known: Dossier
    verdict: Verdict
    since: str
    until: bool
    networks: list[Network]
    hosts: list[dict[str, Any]]
    omitted: list[dict[str, Any]]
    overrides: list[dict[str, Any]]
    live: SafeString | str
    zones: list[dict[str, Any]]
    entries: list[WhitelistEntry] | None = None
    blocks: list[Block] | None = None
    override_url: str = ""


def may_look(request: HttpRequest) -> bool:
    return request.user.has_perm("whitelist.view_host")


def check_may_look(request: HttpRequest) -> None:
    if not may_look(request):
        raise PermissionDenied


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    check_may_look(request)
    asked = request.GET.get("q", "").strip()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": gettext("What do we know about this address?"),
        "asked": asked,
        "now": timezone.now(),
    }
    try:
        if asked:
            context["page"] = page_of(request, address_of(request, asked))
    except NotOursToShow as error:
        context["error"] = str(error)
    return TemplateResponse(request, "admin/whitelist/address/page.html", context)


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Have the name servers asked about the address; the worker does it."""
    check_may_look(request)
    try:
        address = address_of(request, request.POST.get("address", ""))
    except NotOursToShow as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    now = timezone.now()
    row = request_opinion(address, now)
    if row.asked_at == now or row.verdict == LiveVerdict.ASKED:
        text = gettext("The name servers are being asked. Load the page again in some seconds.")
    else:
        text = gettext("They were asked less than five minutes ago; that answer is shown.")
    messages.info(request, text)
    return HttpResponseRedirect(address_url(str(address)))


def address_of(request: HttpRequest, text: str) -> IPAddress:
    """Raises `NotOursToShow` for what is no address, and for one of other units."""
    try:
        address = parse_address(text.strip())
    except NotOneComputerError as error:
        raise NotOursToShow(gettext("That is never the address of one computer.")) from error
    except AddressError as error:
        hint = gettext("Enter one IP address, such as 140.114.64.154 or 2001:db8::1.")
        raise NotOursToShow(hint) from error
    units = units_of(request.user)
    if units is not None and not is_of_units(address, units):
        raise NotOursToShow(gettext("This address is not in a network of your unit."))
    return address


def page_of(request: HttpRequest, address: IPAddress) -> AddressPage:
    known = dossier(address, at=timezone.now())
    page = AddressPage(
        known,
        verdict(known.standing),
        since_words(known),
        known.standing.until is not None and known.standing.why is not Why.TOO_YOUNG,
        networks_for(request, known),
        [host_row(host, address) for host in known.hosts],
        [{"record": row, "why": omission_name(row.reason)} for row in known.omitted],
        [{"row": o, "decision": decision_tag(o), "state": state_tag(o)} for o in known.overrides],
        live_tag(known.live.verdict) if known.live else "",
        zone_rows(request, known),
    )
    if may_add_override(request):
        url = f"{admin_url(RegistrationOverride, 'add')}?address={address}"
        page = replace(page, override_url=url)
    return page if is_confined(request) else with_entries(request, page, address)


def with_entries(request: HttpRequest, page: AddressPage, address: IPAddress) -> AddressPage:
    """With what is personal, for whoever may see it: never for unit network admins."""
    if request.user.has_perm("whitelist.view_whitelistentry"):
        entries = WhitelistEntry.objects.filter(address=str(address)).order_by("-opened_at")
        page = replace(page, entries=list(entries[:MOST_ENTRIES]))
    if request.user.has_perm("whitelist.view_block"):
        blocks = Block.objects.of_address(address)
        page = replace(page, blocks=list(blocks[:MOST_ENTRIES]))
    return page


def may_add_override(request: HttpRequest) -> bool:
    return admin.site.get_model_admin(RegistrationOverride).has_add_permission(request)


def networks_for(request: HttpRequest, known: Dossier) -> list[Network]:
    units = units_of(request.user)
    return [n for n in known.networks if units is None or n.unit in units]


def host_row(host: Host, address: IPAddress) -> dict[str, Any]:
    return {
        "host": host,
        "first_seen": first_seen_words(host),
        "is_generated": names_nobody(host.name, address),
        "has_ended": has_ended(host),
        "end": end_of(host),
    }


def zone_rows(request: HttpRequest, known: Dossier) -> list[dict[str, Any]]:
    may_see = not is_confined(request) and request.user.has_perm("whitelist.view_zone")
    return [
        {
            "zone": concerned.zone,
            "state": tag(concerned.state.label, TONES[concerned.state]),
            "url": admin_url(Zone, "change", concerned.zone.pk) if may_see else "",
        }
        for concerned in known.zones
    ]


site = cast(Any, admin.site)
site.add_page(
    "whitelist/address/",
    show,
    "whitelist_address",
    entry="Address",
    label=_("About an address"),
    is_open_to=may_look,
)
site.add_page("whitelist/address/ask/", ask, "whitelist_address_ask")
