"""Going out, and staff of the back office in the same browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.portal_auth.portal import NOW, TestPortal
from tests.portal_auth.steps import (
    ENTER,
    assert_refused,
    enter,
    sign_in,
    signed_in_as,
)

if TYPE_CHECKING:
    from tests.portal_auth.steps import Answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
SECOND = int(NOW.timestamp())


# Staff of the back office in the same browser


def staff_member(browser: Client) -> User:
    """Somebody who signed in to the back office with a password, in this browser."""
    values = {"username": "operator", "password": "a long pass phrase"}
    staff = User.objects.create_user(**values, is_staff=True)
    browser.get("/admin/login/")
    fields = values | {"csrfmiddlewaretoken": browser.cookies["csrf"].value}
    assert browser.post("/admin/login/", fields).status_code == 302
    return staff


def test_coming_in_and_going_out_leave_a_sign_in_of_staff_alone(
    portal: TestPortal, browser: Client
) -> None:
    staff = staff_member(browser)
    sign_in(browser, portal.token())
    assert browser.session["_auth_user_id"] == str(staff.pk)
    assert signed_in_as(browser) == "a0012345"
    leave(browser)
    assert signed_in_as(browser) is None
    assert browser.session["_auth_user_id"] == str(staff.pk)


def test_a_ticket_that_only_arrives_does_not_touch_the_session(
    portal: TestPortal, browser: Client
) -> None:
    sign_in(browser, portal.token())
    before = browser.cookies["session"].value
    arrival = browser.post(ENTER, {"ticket": portal.token(jti="B" * 22)})
    assert "session" not in arrival.cookies
    assert browser.cookies["session"].value == before
    assert signed_in_as(browser) == "a0012345"


# Going out


def leave(browser: Client) -> Answer:
    token = browser.cookies["csrf"].value
    return browser.post("/portal/leave", {"csrfmiddlewaretoken": token})


def test_signing_out_ends_the_session_on_the_server(portal: TestPortal, browser: Client) -> None:
    sign_in(browser, portal.token())
    stolen = browser.cookies["session"].value
    answer = leave(browser)
    assert (answer.status_code, answer["Location"]) == (303, "/portal/signed-out")
    assert 'data-state="portal-signed-out"' in browser.get("/portal/signed-out").content.decode()
    assert signed_in_as(browser) is None
    thief = Client()
    thief.cookies["session"] = stolen
    assert signed_in_as(thief) is None
    assert_refused(browser.get(ENTER), -4)


def test_signing_out_is_a_post_with_a_csrf_token(portal: TestPortal, browser: Client) -> None:
    sign_in(browser, portal.token())
    assert browser.get("/portal/leave").status_code == 405
    assert browser.post("/portal/leave").status_code == 403
    assert signed_in_as(browser) == "a0012345"


@pytest.mark.usefixtures("portal")
def test_signing_out_without_a_session_does_no_harm(browser: Client) -> None:
    browser.get("/portal/signed-out")
    assert leave(browser).status_code == 303


def test_a_ticket_that_was_kept_is_gone_after_signing_out(
    portal: TestPortal, browser: Client
) -> None:
    sign_in(browser, portal.token())
    enter(browser, portal.token(jti="B" * 22))
    leave(browser)
    assert_refused(browser.get("/portal/continue"), -4)
