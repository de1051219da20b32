"""The simulated portal. It keeps nothing: who is signed in, and since when, is in the URL."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal_auth import sessions
from portal_auth.issuers import configured_issuers
from portal_auth.redemption import do_redeem
from portal_auth.simulator import tickets
from portal_auth.simulator.people import PEOPLE, Person
from portal_auth.tickets import LONGEST_LIFE, check_ticket
from portal_auth.views import SeeOther

# The menu of the portal's page: slug, name, English name, items; one of them leads somewhere.
MENU = (
    ("personal", "個人資料", "Personal data", ("基本資料維護", "密碼變更")),
    ("teaching", "教務相關服務", "Academic affairs", ("課程查詢", "成績查詢")),
    ("general", "總務相關服務", "General affairs", ("停車證申請", "場地借用")),
    ("ccc", "計通中心相關服務", "CCC services", ("校園授權軟體", "網路系統組線上服務")),
)
ENTRY_ITEM = "網路系統組線上服務"


@dataclass(frozen=True)
class Visit:
    """A person at the portal, signed in there at `since` (aware)."""

    person: Person
    since: datetime

    def url(self, page: str = "") -> str:
        values = {"person": self.person.slug, "since": str(int(self.since.timestamp()))}
        if page:
            values["page"] = page
        return f"{reverse('portal_simulator:menu')}?{urlencode(values)}"


def visit_of(values: dict[str, str]) -> Visit:
    """Raises Http404 for a person or a time that the portal does not know."""
    person = PEOPLE.get(values.get("person", ""))
    since = values.get("since", "")
    if person is None or not re.fullmatch(r"[0-9]{1,11}", since, re.ASCII):
        raise Http404("no such account")
    return Visit(person, datetime.fromtimestamp(int(since), UTC))


def entry_url(token: str) -> str:
    return f"{reverse('portal_auth:enter')}?{urlencode({'ticket': token})}"


@require_safe
@never_cache
def sign_in_page(request: HttpRequest) -> HttpResponse:
    return render(request, "portal_simulator/sign_in.html", {"people": PEOPLE.values()})


@require_safe
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    person = PEOPLE.get(request.GET.get("person", ""))
    if person is None:
        raise Http404("no such account")
    return SeeOther(Visit(person, timezone.now()).url())


@require_safe
@never_cache
def menu(request: HttpRequest) -> HttpResponse:
    visit = visit_of(request.GET.dict())
    now = timezone.now()
    page = request.GET.get("page", "")
    context = {
        "visit": visit,
        "menu": MENU,
        "entry_item": ENTRY_ITEM,
        "entry_page": visit.url("network"),
        "refusals_page": visit.url("refusals"),
        "home_page": visit.url(),
        "page": page,
        "now": now,
    }
    if page == "network":
        token = tickets.good_ticket(visit.person.member, visit.since, now)
        context |= {
            "ticket": token,
            "enter_url": entry_url(token),
            "enter_post_url": reverse("portal_auth:enter"),
            "good_until": now + LONGEST_LIFE,
        }
    if page == "refusals":
        context |= {"refusals": refusal_links(visit, now)}
    return render(request, "portal_simulator/menu.html", context)


def refusal_links(visit: Visit, now: datetime) -> list[dict[str, str]]:
    """One link for each refusal that a ticket can cause."""
    member = visit.person.member
    leave = PEOPLE["chen"].member
    rows = [
        ("-1", "expired", "連結過期", "The link expired", tickets.expired_ticket(member, now)),
        ("-1", "early", "時鐘超前", "Issued ahead of time", tickets.early_ticket(member, now)),
        (
            "-3", "old-sign-in", "登入過久", "Signed in to the portal too long ago",
            tickets.old_sign_in_ticket(member, now),
        ),
        ("-4", "malformed", "不是憑證", "Not a ticket at all", "hello"),
        ("-4", "tampered", "內容遭竄改", "Tampered with", tickets.tampered_ticket(member, now)),
        ("-5", "not-eligible", "留職停薪", "Staff on leave", tickets.good_ticket(leave, now, now)),
    ]  # fmt: skip
    return [
        {"code": code, "slug": slug, "text": text, "english": english, "url": entry_url(token)}
        for code, slug, text, english, token in rows
    ]


@require_POST
@never_cache
def used_ticket(request: HttpRequest) -> HttpResponse:
    """Use a ticket up, as another browser would have, and then go in with it (-3)."""
    visit = visit_of(request.POST.dict())
    now = timezone.now()
    token = tickets.good_ticket(visit.person.member, now, now)
    ticket = check_ticket(token, issuers=configured_issuers(), now=now)
    do_redeem(ticket, client_address=sessions.client_address(request), at=now)
    return SeeOther(entry_url(token))


@require_POST
@never_cache
def age_session(request: HttpRequest) -> HttpResponse:
    """Let the service's own session of this browser lie idle beyond its limit (-2)."""
    visit = visit_of(request.POST.dict())
    now = timezone.now()
    session = sessions.MemberSession.from_record(request.session.get(sessions.KEY))
    if session is None:
        token = tickets.good_ticket(visit.person.member, now, now)
        sessions.sign_in(request, check_ticket(token, issuers=configured_issuers(), now=now), now)
        session = sessions.current_session(request, now)
    idle = timedelta(seconds=settings.PORTAL_SESSION_IDLE_SECONDS)
    request.session[sessions.KEY] = replace(session, seen_at=now - idle).record()
    return SeeOther(reverse("portal_auth:enter"))
