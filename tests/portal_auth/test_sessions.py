"""A member's session: bound to its address, with an idle and an absolute limit."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone
from pytest_django.fixtures import Settings
from time_machine import Traveller

from portal_auth.errors import PortalCheckFailed
from portal_auth.guard import portal_identity_required
from portal_auth.identity import PortalIdentity
from portal_auth.sessions import (
    KEY,
    MemberSession,
    current_identity,
    known_identity,
    session_ends_at,
    sign_out,
)
from tests.portal_auth.portal import NOW, TestPortal
from tests.portal_auth.steps import ENTER, assert_refused, sign_in, signed_in_as
from whitelist_site.urls import urlpatterns as site_urls

if TYPE_CHECKING:
    from tests.portal_auth.steps import Answer

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("clock"),
    pytest.mark.urls("tests.portal_auth.test_sessions"),
]
MINUTE = 60


@portal_identity_required
def member_page(request: HttpRequest, identity: PortalIdentity, word: str) -> HttpResponse:
    ends = session_ends_at(request, timezone.now())
    return HttpResponse(json.dumps([identity.subject, word, ends.isoformat()]))


def polled_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(current_identity(request, timezone.now(), touch=False).subject)


urlpatterns = [
    path("member/<str:word>", member_page),
    path("polled", polled_page),
    *site_urls,
]


@pytest.fixture
def member(portal: TestPortal, browser: Client) -> Client:
    sign_in(browser, portal.token(jti="M" * 22))
    return browser


def page(browser: Client, **extra: Any) -> Answer:
    return browser.get("/member/hello", **extra)


# Who sees the page


def test_a_members_page_is_given_the_identity(member: Client) -> None:
    answer = page(member)
    assert answer.status_code == 200
    assert json.loads(answer.content)[:2] == ["a0012345", "hello"]
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.usefixtures("portal")
def test_a_page_without_a_session_is_not_from_the_portal(browser: Client) -> None:
    assert_refused(page(browser), -4)


@pytest.mark.parametrize("record", [None, 5, "x", {}, {"identity": {}}, {"identity": {"x": 1}}, []])
def test_a_record_of_another_shape_is_no_session(record: object, member: Client) -> None:
    assert page(member).status_code == 200
    session = member.session
    session[KEY] = record
    session.save()
    assert_refused(page(member), -4)


def test_the_record_of_a_session_reads_back_as_it_was() -> None:
    identity = PortalIdentity("https://p", "a1", "staff", "一般", NOW, "王", "電機", "w@x")
    session = MemberSession(identity, "j" * 22, "::1", NOW, NOW + timedelta(seconds=1.5))
    stored = json.loads(json.dumps(session.record()))
    assert MemberSession.from_record(stored) == session


# Limits


@pytest.mark.parametrize(("seconds", "good"), [(30 * MINUTE - 1, True), (30 * MINUTE, False)])
def test_a_session_ends_after_thirty_idle_minutes(
    seconds: int, good: bool, member: Client, clock: Traveller
) -> None:
    clock.shift(seconds)
    if good:
        assert page(member).status_code == 200
    else:
        assert_refused(page(member), -2)
        assert_refused(member.get(ENTER), -2)


def test_use_keeps_a_session_alive_until_its_absolute_limit(
    member: Client, clock: Traveller
) -> None:
    for _ in range(23):
        clock.shift(20 * MINUTE)
        assert page(member).status_code == 200
    clock.shift(20 * MINUTE - 1)
    assert page(member).status_code == 200
    clock.shift(1)  # eight hours
    assert_refused(page(member), -2)


def test_polling_keeps_nothing_alive(member: Client, clock: Traveller) -> None:
    for _ in range(29):
        clock.shift(MINUTE)
        assert member.get("/polled").content == b"a0012345"
    clock.shift(MINUTE)
    assert_refused(page(member), -2)


def test_the_limits_are_settings(member: Client, clock: Traveller, settings: Settings) -> None:
    settings.PORTAL_SESSION_IDLE_SECONDS = 60
    settings.PORTAL_SESSION_ABSOLUTE_SECONDS = 100
    for _ in range(9):
        clock.shift(11)
        assert page(member).status_code == 200
    clock.shift(1)
    assert_refused(page(member), -2)


def test_the_end_of_a_session_is_told_in_advance(member: Client, clock: Traveller) -> None:
    def end() -> str:
        return str(json.loads(page(member).content)[2])

    assert end() == (NOW + timedelta(minutes=30)).isoformat()
    clock.shift(20 * MINUTE)
    assert end() == (NOW + timedelta(minutes=50)).isoformat()
    for _ in range(22):
        clock.shift(20 * MINUTE)
        page(member)
    assert end() == (NOW + timedelta(hours=8)).isoformat()


def test_a_session_that_timed_out_comes_back_only_by_a_new_ticket(
    portal: TestPortal, member: Client, clock: Traveller
) -> None:
    clock.shift(31 * MINUTE)
    assert_refused(page(member), -2)
    assert_refused(page(member), -2)
    sign_in(member, portal.token(timezone.now()))
    assert page(member).status_code == 200


def test_the_ticket_of_a_session_that_timed_out_does_not_work_again(
    portal: TestPortal, browser: Client, clock: Traveller, settings: Settings
) -> None:
    settings.PORTAL_SESSION_IDLE_SECONDS = 60
    token = portal.token()
    sign_in(browser, token)
    clock.shift(61)
    assert_refused(browser.get(ENTER, {"ticket": token}), -3)


def test_a_clock_set_back_ends_nobodys_session(member: Client, clock: Traveller) -> None:
    clock.shift(-5 * MINUTE)
    assert page(member).status_code == 200


# The address


@pytest.mark.parametrize("other", ["127.0.0.2", "::1", "140.114.64.154"])
def test_a_session_is_good_at_its_own_address_only(other: str, member: Client) -> None:
    assert_refused(page(member, REMOTE_ADDR=other), -2)
    assert_refused(member.get(ENTER, REMOTE_ADDR=other), -2)
    assert page(member).status_code == 200


def test_a_session_over_ipv6_is_bound_like_any_other(portal: TestPortal, browser: Client) -> None:
    sign_in(browser, portal.token(), REMOTE_ADDR="2001:db8:0:0::0001")
    assert page(browser, REMOTE_ADDR="2001:db8::1").status_code == 200
    assert_refused(page(browser, REMOTE_ADDR="2001:db8::2"), -2)


def test_the_same_address_written_as_ipv6_is_the_same(portal: TestPortal, browser: Client) -> None:
    sign_in(browser, portal.token(), REMOTE_ADDR="::ffff:140.114.64.154")
    assert page(browser, REMOTE_ADDR="140.114.64.154").status_code == 200


def test_a_forwarding_header_cannot_move_a_session(member: Client) -> None:
    assert page(member, HTTP_X_FORWARDED_FOR="140.114.64.154").status_code == 200
    thief = Client()
    thief.cookies["session"] = member.cookies["session"].value
    moved = page(thief, REMOTE_ADDR="127.0.0.9", HTTP_X_FORWARDED_FOR="127.0.0.1")
    assert_refused(moved, -2)


# Keys and writes


def test_signing_in_changes_the_session_key(portal: TestPortal, browser: Client) -> None:
    browser.get("/portal/signed-out")
    planted = browser.session  # what a thief would plant in somebody's browser
    planted["x"] = 1
    planted.save()
    before = browser.cookies["session"].value
    sign_in(browser, portal.token())
    assert browser.cookies["session"].value != before
    thief = Client()
    thief.cookies["session"] = before
    assert signed_in_as(thief) is None
    assert not Session.objects.filter(session_key=before).exists()


def test_looking_at_pages_writes_the_session_once_a_minute_at_most(
    member: Client, clock: Traveller
) -> None:
    def writes() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert page(member).status_code == 200
        return sum("UPDATE" in query["sql"] for query in queries)

    counts = []
    for _ in range(13):
        clock.shift(10)
        counts.append(writes())
    assert sum(counts) == 1
    assert counts[6] == 1


def test_the_language_survives_signing_in_and_out(portal: TestPortal, browser: Client) -> None:
    browser.get("/portal/signed-out")
    token = browser.cookies["csrf"].value
    browser.post("/i18n/setlang/", {"language": "zh-hant", "csrfmiddlewaretoken": token})
    sign_in(browser, portal.token())
    assert 'lang="zh-Hant"' in browser.get(f"{ENTER}?ticket=x").content.decode()
    browser.post("/portal/leave", {"csrfmiddlewaretoken": browser.cookies["csrf"].value})
    assert 'lang="zh-Hant"' in browser.get("/portal/signed-out").content.decode()


def test_a_request_under_way_cannot_write_an_ended_session_back(member: Client) -> None:
    slow = member.session
    assert slow[KEY]
    member.post("/portal/leave", {"csrfmiddlewaretoken": member.cookies["csrf"].value})
    slow["seen"] = 1
    with pytest.raises(UpdateError):
        slow.save()
    assert not any(KEY in session.get_decoded() for session in Session.objects.all())


def test_who_is_signed_in_can_be_asked_without_counting_as_use(
    member: Client, rf: RequestFactory
) -> None:
    request = rf.get("/")
    request.session = member.session
    identity = known_identity(request, NOW + timedelta(minutes=29))
    assert identity is not None
    assert identity.subject == "a0012345"
    assert not request.session.modified
    assert known_identity(request, NOW + timedelta(minutes=30)) is None
    sign_out(request)
    with pytest.raises(PortalCheckFailed) as refusal:
        current_identity(request, NOW)
    assert refusal.value.code == -4


def test_an_unreachable_database_is_no_refusal(member: Client) -> None:
    def down(*_: Any) -> None:
        raise OperationalError("the database is away")

    with connection.execute_wrapper(down):
        answer = page(member)
    assert answer.status_code == 503
    assert 'data-state="portal-unavailable"' in answer.content.decode()
    assert page(member).status_code == 200
