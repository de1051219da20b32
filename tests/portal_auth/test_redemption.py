"""A ticket works once: fifty at the same moment give one session, on either database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie
from threading import Barrier

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from portal_auth.errors import PortalCheckFailed
from portal_auth.identity import PortalIdentity
from portal_auth.models import RETENTION, RedeemedTicket
from portal_auth.redemption import check_unused, do_purge_redeemed_tickets, do_redeem
from portal_auth.sessions import KEY
from portal_auth.tickets import Ticket
from tests.portal_auth.portal import NOW, TestPortal
from tests.portal_auth.steps import arrive, confirm

THREADS = 50
PERSON = PortalIdentity("https://portal.example", "a0012345", "staff", "一般", NOW)
TICKET = Ticket(PERSON, "j" * 22, NOW + timedelta(seconds=120))


def at_once(count: int, act: Callable[[int], object]) -> list[object]:
    """What `act(number)` returned or raised, for `count` real threads set off together."""
    start = Barrier(count)

    def one(number: int) -> object:
        try:
            start.wait(timeout=60)
            return act(number)
        except PortalCheckFailed as refusal:
            return int(refusal.code)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.django_db(transaction=True)
def test_of_fifty_redemptions_at_once_one_is_the_first() -> None:
    results = at_once(THREADS, lambda _: do_redeem(TICKET, client_address="127.0.0.1", at=NOW).jti)
    assert Counter(results) == {TICKET.jti: 1, -3: THREADS - 1}
    assert RedeemedTicket.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_browsers_with_one_ticket_give_one_session(portal: TestPortal) -> None:
    token = portal.token(timezone.now())
    browsers = [Client(enforce_csrf_checks=True) for _ in range(THREADS)]
    pages = [arrive(browser, token) for browser in browsers]
    results = at_once(THREADS, lambda n: confirm(browsers[n], pages[n]).status_code)
    assert Counter(results) == {303: 1, 403: THREADS - 1}
    assert RedeemedTicket.objects.count() == 1
    assert sum(KEY in session.get_decoded() for session in Session.objects.all()) == 1
    assert sum(KEY in browser.session for browser in browsers) == 1


@pytest.mark.django_db(transaction=True)
def test_one_browser_that_confirms_fifty_times_at_once_gets_one_session(
    portal: TestPortal,
) -> None:
    first = Client(enforce_csrf_checks=True)
    page = arrive(first, portal.token(timezone.now()))
    tabs = [Client(enforce_csrf_checks=True) for _ in range(THREADS)]
    for tab in tabs:
        tab.cookies = SimpleCookie({name: m.value for name, m in first.cookies.items()})
    results = at_once(THREADS, lambda n: confirm(tabs[n], page).status_code)
    assert Counter(results) == {303: 1, 403: THREADS - 1}
    assert sum(KEY in session.get_decoded() for session in Session.objects.all()) == 1


@pytest.mark.django_db
def test_a_refused_redemption_leaves_the_callers_transaction_usable() -> None:
    do_redeem(TICKET, client_address="127.0.0.1", at=NOW)
    with transaction.atomic():
        with pytest.raises(PortalCheckFailed):
            do_redeem(TICKET, client_address="127.0.0.2", at=NOW)
        do_redeem(replace(TICKET, jti="k" * 22), client_address="::1", at=NOW)
    assert RedeemedTicket.objects.count() == 2


@pytest.mark.django_db
def test_a_redemption_that_is_rolled_back_never_was() -> None:
    with transaction.atomic():
        do_redeem(TICKET, client_address="127.0.0.1", at=NOW)
        transaction.set_rollback(True)
    check_unused(TICKET)
    do_redeem(TICKET, client_address="127.0.0.1", at=NOW)
    with pytest.raises(PortalCheckFailed) as refusal:
        check_unused(TICKET)
    assert refusal.value.code == -3
    assert refusal.value.issuer == PERSON.issuer


@pytest.mark.django_db
def test_used_tickets_are_forgotten_a_week_after_they_expired(
    django_assert_num_queries: Callable[[int], object],
) -> None:
    for age, jti in ((timedelta(0), "a"), (timedelta(microseconds=1), "b"), (timedelta(1), "c")):
        ticket = Ticket(PERSON, jti * 22, NOW - RETENTION - age)
        do_redeem(ticket, client_address="127.0.0.1", at=NOW - RETENTION - age)
    do_redeem(TICKET, client_address="127.0.0.1", at=NOW)
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        assert do_purge_redeemed_tickets(NOW) == 2
    assert set(RedeemedTicket.objects.values_list("jti", flat=True)) == {TICKET.jti, "a" * 22}
    assert do_purge_redeemed_tickets(NOW) == 0


def test_retention_is_far_beyond_any_tickets_life() -> None:
    assert timedelta(days=1) < RETENTION
