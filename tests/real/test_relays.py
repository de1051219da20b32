"""Two relays that follow one service: effective means at both, and back in time at both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import pytest

from tests.real.member import Member
from tests.real.postfix import Session
from tests.real.processes import wait_until
from tests.real.relay import Relay
from tests.real.service import Service

pytestmark = pytest.mark.postfix

APPLYING_PC, REMOVING_PC, WAITING_PC, EXPIRING_PC = (f"127.0.0.{n}" for n in range(41, 45))
SOON = 10.0


class Campus(NamedTuple):
    service: Service
    relays: list[Relay]

    def member_at(self, address: str) -> Member:
        member = Member(self.service, address)
        member.sign_in(address.replace(".", "-"))
        return member


@pytest.fixture(scope="module")
def campus(service_settings: dict[str, str]) -> Iterator[Campus]:
    with ExitStack() as stack:
        service = stack.enter_context(Service(**service_settings))
        addresses = (APPLYING_PC, REMOVING_PC, WAITING_PC, EXPIRING_PC)
        service.register({a: f"pc{a.split('.')[-1]}.ee.nthu.edu.tw" for a in addresses})
        relays = [stack.enter_context(Relay(service, name)) for name in ("mx1", "mx2")]
        yield Campus(service, relays)


def wait_effective(member: Member) -> None:
    def effective() -> bool:
        return member.get("/smtp-whitelist/").state in {"active", "ending"}

    wait_until(effective, "effective", timeout=SOON)


def test_an_entry_is_active_once_both_relays_exempt_it(campus):
    for relay in campus.relays:
        relay.postfix.throttle(APPLYING_PC)
    member = campus.member_at(APPLYING_PC)
    member.apply()
    wait_effective(member)
    for relay in campus.relays:
        assert APPLYING_PC in relay.exempt()
        assert relay.postfix.send(APPLYING_PC).accepted


def test_a_removed_entry_is_limited_again_at_both_also_on_open_sessions(campus):
    for relay in campus.relays:
        relay.postfix.throttle(REMOVING_PC)
    member = campus.member_at(REMOVING_PC)
    member.apply()
    wait_effective(member)
    with ExitStack() as stack:
        sessions = [stack.enter_context(r.postfix.session(REMOVING_PC)) for r in campus.relays]
        assert all(session.send().accepted for session in sessions)
        member.remove()
        for session in sessions:
            wait_until(partial(is_throttled, session), "limited again", timeout=SOON)


def test_while_one_of_two_relays_is_away_the_page_does_not_say_active(campus):
    campus.relays[1].stop()
    member = campus.member_at(WAITING_PC)
    member.apply()
    wait_until(lambda: WAITING_PC in campus.relays[0].exempt(), "at the first", timeout=SOON)
    assert member.get("/smtp-whitelist/").state == "pending"
    assert WAITING_PC not in campus.relays[1].exempt()
    campus.relays[1].start()
    wait_effective(member)


def test_entries_end_on_time_at_both_with_the_centre_dead(campus):
    for relay in campus.relays:
        relay.postfix.throttle(EXPIRING_PC)
    member = campus.member_at(EXPIRING_PC)
    member.apply()
    wait_effective(member)
    expiry = int(time.time()) + 5
    campus.service.bring_expiry_forward(EXPIRING_PC, expiry)
    for relay in campus.relays:
        wait_until(partial(has, relay, EXPIRING_PC, expiry), "installed", timeout=SOON)
    for name in campus.service.names:
        campus.service.kill(name)
    with ExitStack() as stack:
        sessions = [stack.enter_context(r.postfix.session(EXPIRING_PC)) for r in campus.relays]
        wait_for_clock(expiry - 1.2)
        assert all(session.send().accepted for session in sessions)
        wait_for_clock(expiry + 1)
        assert all(session.send().throttled for session in sessions)
    assert all(relay.postfix.send(EXPIRING_PC).throttled for relay in campus.relays)


def is_throttled(session: Session) -> bool:
    return session.send().throttled


def has(relay: Relay, address: str, expiry: int) -> bool:
    return relay.expiry(address) == expiry


def wait_for_clock(moment: float) -> None:
    """Sleep until that Unix time; this waits for an expiry that is real."""
    time.sleep(max(0.0, moment - time.time()))
