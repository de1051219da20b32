"""The registry among the facts on the back office's index: the worst state of its zones."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from tests.whitelist.admin.staff import make_staff
from tests.whitelist.admin.zones import follow, hold
from tests.whitelist.factories import NOON, make_network, make_zone
from whitelist.admin_display import admin_url
from whitelist.models import Host, Zone
from whitelist_site.overview import Fact, facts, registry_fact

pytestmark = pytest.mark.django_db

LONG_AGO = NOON - timedelta(hours=3)


@pytest.fixture(autouse=True)
def english() -> object:
    with override("en"):
        yield


def fact(*, with_zones: bool = True) -> Fact:
    return registry_fact(NOON, with_zones=with_zones)


def never_loaded() -> None:
    follow("never.tw")


def stale() -> None:
    follow("stale.tw", at=LONG_AGO)


def failing() -> None:
    follow("failing.tw", at=NOON, failing_since=NOON)


def on_hold() -> None:
    hold(follow("held.tw", at=NOON), [], NOON)


def expired() -> None:
    follow("expired.tw", at=NOON, expire=60)


WORSE_AND_WORSE = [
    (never_loaded, "never", "Never loaded", "go"),
    (stale, "stale", "Not confirmed lately", "warn"),
    (failing, "failing", "Failing", "warn"),
    (on_hold, "held", "Held for a decision", "warn"),
    (expired, "expired", "Expired", "warn"),
]


def test_the_worst_state_is_told_with_how_many_zones_are_in_it_and_leads_to_them() -> None:
    follow("fine.tw", at=NOON)
    for make, state, words, tone in WORSE_AND_WORSE:
        make()
        told = fact()
        assert (told.value, told.note, told.tone) == ("1 zone", words, tone)
        assert told.url == f"{admin_url(Zone, 'changelist')}?state={state}"


def test_several_zones_in_trouble_are_counted() -> None:
    for name in ("a.tw", "b.tw", "c.tw"):
        hold(follow(name, at=NOON), [], NOON)
    assert (fact().value, fact().note) == ("3 zones", "Held for a decision")


def test_in_step_the_number_of_names_and_the_oldest_confirmation_are_told() -> None:
    follow("a.tw", at=NOON, hosts_count=65_000)
    follow("b.tw", at=NOON - timedelta(minutes=20), hosts_count=536)
    make_zone("csv")
    told = fact()
    assert (told.value, told.tone) == ("65,536", "ok")
    assert told.note == "names; in step, the oldest confirmed 32 minutes ago"


def test_where_nothing_is_followed_nothing_is_said_to_be_in_step() -> None:
    make_network()
    Zone.objects.filter(pk=make_zone().pk).update(hosts_count=7)
    make_zone("known.nthu.edu.tw", "forward")  # by a delegation only
    told = fact()
    assert (told.value, told.note, told.tone) == ("7", "registered names in 1 networks", "")
    assert told.url == admin_url(Host, "changelist")


def test_who_may_not_see_zones_is_told_the_names_only() -> None:
    expired()
    assert fact(with_zones=False).tone == ""


def test_the_number_of_queries_does_not_grow_with_the_zones() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            fact()
        return len(captured)

    follow("first.tw", at=NOON)
    before = queries()
    for number in range(30):
        follow(f"zone{number}.tw", at=NOON)
    assert queries() == before <= 3


def test_staff_that_see_hosts_networks_and_zones_are_told() -> None:
    on_hold()
    urls = [told.url for told in facts(make_staff("viewer", "view"), NOON)]
    assert f"{admin_url(Zone, 'changelist')}?state=held" in urls
