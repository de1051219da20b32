"""The main job, whole: from the campus portal to a real Postfix, and back again by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.real.browser import Browser
from tests.real.forwarder import Forwarder
from tests.real.member import Member
from tests.real.postfix import PrivatePostfix
from tests.real.processes import wait_until
from tests.real.service import Service

pytestmark = [pytest.mark.postfix, pytest.mark.timeout(300)]

# One address a test, so that no test meets another's counters at the relay.
BROWSER_PC = "127.0.0.21"
NO_SCRIPT_PC = "127.0.0.22"
EXPIRING_PC = "127.0.0.23"
REMOVING_PC = "127.0.0.24"
UNLISTED_PC = "127.0.0.25"
HASH_PC = "127.0.0.26"
PCS = (BROWSER_PC, NO_SCRIPT_PC, EXPIRING_PC, REMOVING_PC, HASH_PC)
# The aim is far below; a loaded machine may be slow, and the bench measures.
SOON = 10.0


@pytest.fixture(scope="module")
def service(service_settings: dict[str, str]) -> Iterator[Service]:
    with Service(ACCESS_MAP_TYPES="lmdb,hash", **service_settings) as service:
        service.register({pc: f"pc{pc.split('.')[-1]}.ee.nthu.edu.tw" for pc in PCS})
        service.allow_many_requests()
        yield service


@pytest.fixture(scope="module")
def postfix(service: Service) -> Iterator[PrivatePostfix]:
    """A relay that exempts by the table that the service writes."""
    with PrivatePostfix(
        {"smtpd_client_event_limit_exceptions": f"$mynetworks, {service.table}"}
    ) as relay:
        yield relay


def wait_effective(member: Member) -> None:
    def effective() -> bool:
        return member.get("/smtp-whitelist/").state in {"active", "ending"}

    wait_until(effective, "effective", timeout=SOON)


@pytest.mark.browser
def test_from_the_portal_to_yes_a_browser_lifts_the_limit(service, postfix):
    postfix.throttle(BROWSER_PC)
    with (
        postfix.session(BROWSER_PC) as open_session,
        Forwarder(service.port, BROWSER_PC) as way,
        Browser() as browser,
    ):
        assert open_session.send().throttled
        page = browser.page(way.url)
        page.goto("/portal-simulator/")
        page.click("button[name=person][value=wang]")
        page.click("[data-group=ccc] summary")
        page.click("[data-item=network]")
        page.click("[data-enter]")
        page.click("main form button.primary")
        page.goto("/smtp-whitelist/")
        assert page.locator("main").get_attribute("data-state") == "apply"
        assert BROWSER_PC in page.inner_text("main")
        key = page.locator("input[name=captcha_0]").input_value()
        page.fill("input[name=captcha_1]", service.captcha_answer(key))
        page.click("main form button.primary")
        page.wait_for_selector("main[data-state=active]", timeout=SOON * 1000)
        assert open_session.send().accepted, "the session that was open all the while"
        assert postfix.send(BROWSER_PC).accepted
        assert browser.complaints == []
    assert [postfix.send(BROWSER_PC).accepted for _ in range(20)] == [True] * 20


def test_a_member_without_javascript_gets_there_too_while_a_neighbour_stays_limited(
    service, postfix
):
    postfix.throttle(NO_SCRIPT_PC)
    postfix.throttle(UNLISTED_PC)
    member = Member(service, NO_SCRIPT_PC)
    assert member.sign_in().status == 200
    page = member.apply()
    assert page.status == 200
    assert page.state in {"pending", "active"}
    wait_effective(member)
    assert postfix.send(NO_SCRIPT_PC).accepted
    assert postfix.send(UNLISTED_PC).throttled


def test_removing_it_limits_the_computer_again_also_on_an_open_session(service, postfix):
    postfix.throttle(REMOVING_PC)
    member = Member(service, REMOVING_PC)
    member.sign_in()
    member.apply()
    wait_effective(member)
    with postfix.session(REMOVING_PC) as open_session:
        assert open_session.send().accepted
        assert member.remove().state == "ended"
        wait_until(lambda: open_session.send().throttled, "limited again", timeout=SOON)
    assert postfix.send(REMOVING_PC).throttled


def test_an_entry_ends_by_itself_on_time_with_web_worker_and_beat_dead(service, postfix):
    postfix.throttle(EXPIRING_PC)
    member = Member(service, EXPIRING_PC)
    member.sign_in()
    member.apply()
    wait_effective(member)
    expiry = int(time.time()) + 8
    service.bring_expiry_forward(EXPIRING_PC, expiry)

    def installed() -> bool:
        return bool(postfix.query(service.table, EXPIRING_PC) == str(expiry))

    wait_until(installed, "the new expiry", timeout=SOON)
    for name in ("web", "worker", "beat"):
        service.kill(name)
    try:
        with postfix.session(EXPIRING_PC) as open_session:
            assert open_session.send().accepted
            wait_for_clock(expiry - 1.5)
            assert open_session.send().accepted
            assert postfix.send(EXPIRING_PC).accepted
            wait_for_clock(expiry + 1.0)
            assert open_session.send().throttled
            assert postfix.send(EXPIRING_PC).throttled
    finally:
        for name in ("web", "worker", "beat"):
            service.start(name)
        service.wait_ready()


def test_check_client_access_admits_by_the_hash_table_until_it_is_removed(service):
    """The other way to use the map: a restriction that refuses whoever is not in it."""
    table = f"hash:{service.map_folder}/smtp_whitelist"
    restrictions = f"check_client_access {table}, reject"
    member = Member(service, HASH_PC)
    member.sign_in()
    with PrivatePostfix(
        {"smtpd_client_message_rate_limit": "0", "smtpd_data_restrictions": restrictions}
    ) as relay:
        assert relay.send(HASH_PC).code == 554
        member.apply()
        wait_effective(member)
        assert relay.send(HASH_PC).accepted
        member.remove()
        wait_until(lambda: relay.send(HASH_PC).code == 554, "refused again", timeout=SOON)


def wait_for_clock(moment: float) -> None:
    """Sleep until that Unix time; this waits for an expiry that is real."""
    time.sleep(max(0.0, moment - time.time()))
