"""The back office's index: the registry among its facts, and its dashboard for whom it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override
from pytest_django.fixtures import Settings

from tests.whitelist.admin.staff import make_staff, signed_in
from tests.whitelist.admin.zones import follow, hold
from tests.whitelist.dashboard_rows import HOUR, make_well, opened, over, refused
from tests.whitelist.factories import NOON, UNIT, make_network, make_zone
from whitelist.admin_display import admin_url
from whitelist.dashboard.campus import Campus
from whitelist.models import (
    Host,
    Notice,
    Relay,
    SentCount,
    UnitMembership,
    WhitelistEntry,
    Zone,
)
from whitelist_site.overview import Dashboard, Fact, dashboard, facts, registry_fact

pytestmark = pytest.mark.django_db

LONG_AGO = NOON - timedelta(hours=3)


@pytest.fixture(autouse=True)
def english() -> object:
    with override("en"):
        yield


@pytest.fixture(autouse=True)
def quick_pages(settings: Settings) -> None:
    """Static files without a manifest, in English, for users whose passwords nobody asks for."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.LANGUAGE_CODE = "en"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def fact(*, with_zones: bool = True) -> Fact:
    return registry_fact(Campus(NOON), with_zones=with_zones)


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


def everything(at: datetime, first: int = 0, last: int = 1) -> None:
    """These numbers of all that a dashboard tells of, in trouble as far as it can be."""
    for number in range(first, last + 1):
        follow(f"zone{number}.tw", at=at, failing_since=at)
        hold(follow(f"held{number}.tw", at=at), [], at)
        over(f"140.114.64.{number + 1}", at - HOUR - timedelta(minutes=5), unit=f"unit {number}")
        entry = opened(f"140.114.65.{number + 1}", at - timedelta(minutes=9), seconds=None)
        SentCount.objects.create(entry=entry, recipients=9_999, updated_at=at)
        refused("review", at, f"140.114.66.{number + 1}")
        make_network(f"140.114.{number}.0/24")
        Relay.objects.create(
            name=f"smtp{number}", token_digest=str(number), token_issued_at=at - HOUR
        )
        Notice.objects.create(
            kind="x", recipient="a@example.edu.tw", subject="s", body="b", written_at=at,
            next_try_at=at, given_up_at=at,
        )  # fmt: skip


def index(client: Client, **query: str) -> Any:
    return client.get(reverse("admin:index"), query)


@pytest.fixture
def chief() -> Client:
    return signed_in(User.objects.create_superuser("chief"))


def links_of(shown: Dashboard) -> set[str]:
    rows = [row for ranking in shown.rankings for row in ranking.rows]
    links: set[Any] = {*shown.facts, *shown.lines, *rows}
    return {link.url for link in links if link.url} | {shown.pause_url}


def test_every_link_leads_to_a_page_that_takes_its_conditions(chief: Client) -> None:
    everything(timezone.now())
    links = links_of(index(chief).context["dashboard"])
    assert len(links) > 20
    for url in links:
        assert chief.get(url).status_code == 200, url  # a condition unknown to a list: 302


@pytest.mark.parametrize("code", ["24h", "7d", "30d"])
def test_the_index_takes_as_many_queries_however_much_there_is(chief: Client, code: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert index(chief, range=code).status_code == 200
        return len(captured)

    everything(timezone.now())
    before = queries()
    everything(timezone.now(), 2, 30)
    assert queries() == before <= 36


def test_the_chosen_range_is_shown_and_any_other_word_is_the_first(chief: Client) -> None:
    for asked, code in (("7d", "7d"), ("30d", "30d"), ("", "24h"), ("<script>", "24h")):
        response = index(chief, range=asked)
        assert response.context["dashboard"].period.code == code
        assert f'<a href="?range={code}" aria-current="true">' in response.content.decode()


def test_a_plot_has_its_numbers_in_words_and_in_a_table(chief: Client) -> None:
    over("140.114.64.1", timezone.now() - timedelta(minutes=1))
    refused("quota", timezone.now())
    text = index(chief).content.decode()
    assert "Requests by hour: 1 approved, 1 refused; most at " in text
    assert text.count("<details") >= 3
    assert '<th scope="row" class="num">' in text
    for chart in index(chief).context["dashboard"].charts:
        assert len(chart.rows) == 24


def test_the_script_gets_the_dashboard_alone(chief: Client) -> None:
    text = index(chief, part="dashboard").content.decode()
    assert text.strip().startswith('<div id="dashboard"')
    assert "<html" not in text
    assert 'id="dashboard"' in index(chief).content.decode()


def test_that_all_is_well_is_said(chief: Client) -> None:
    make_well(timezone.now())
    text = index(chief).content.decode()
    assert 'data-summary="All is well"' in text
    assert index(chief).context["dashboard"].lines == []


def viewer(name: str, *models: str) -> User:
    """A member of staff who may see the rows of these models alone."""
    user = make_staff(name)
    codes = [f"view_{model}" for model in models]
    user.user_permissions.add(*Permission.objects.filter(codename__in=codes))
    return user


def test_who_may_not_see_the_registry_gets_no_link_to_it() -> None:
    everything(timezone.now())
    client = signed_in(viewer("desk", "whitelistentry", "auditrecord"))
    shown = index(client).context["dashboard"]
    assert {url.split("?")[0].rsplit("/admin/")[-1] for url in links_of(shown)} <= {
        "", "whitelist/whitelistentry/", "whitelist/auditrecord/",
        *(f"whitelist/whitelistentry/{pk}/change/" for pk in entry_keys()),
    }  # fmt: skip
    for url in links_of(shown) - {""}:
        assert client.get(url).status_code == 200, url
    for model in ("zone", "network", "heldtransfer", "relay"):
        assert f"/admin/whitelist/{model}/" not in index(client).content.decode()


def entry_keys() -> list[int]:
    return list(WhitelistEntry.objects.values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("models", "charts", "rankings"),
    [
        (("whitelistentry",), [], []),
        (("auditrecord",), ["requests"], ["refusals"]),
        (
            ("auditrecord", "whitelistentry"),
            ["requests", "effect", "active"],
            ["refusals", "units", "networks"],
        ),
        (("servicesettings",), [], []),
    ],
)
def test_plots_are_of_rows_that_one_may_see(
    models: tuple[str, ...], charts: list[str], rankings: list[str]
) -> None:
    shown = dashboard(viewer("some", *models), NOON)
    assert shown is not None
    assert [chart.key for chart in shown.charts] == charts
    assert [ranking.key for ranking in shown.rankings] == rankings
    assert shown.pause_url == ""


def test_a_unit_network_admin_gets_no_dashboard_whatever_is_asked() -> None:
    user = make_staff("unit", "view", "change")
    UnitMembership.objects.create(user=user, unit=UNIT)
    everything(timezone.now())
    assert dashboard(user, NOON) is None
    for query in ({}, {"part": "dashboard"}, {"range": "7d"}):
        response = index(signed_in(user), **query)
        assert response.status_code == 200
        assert response.context["facts"] == []
        assert 'id="dashboard"' not in response.content.decode()


def test_who_is_not_signed_in_gets_no_part_of_it() -> None:
    assert index(Client(), part="dashboard").status_code == 302
