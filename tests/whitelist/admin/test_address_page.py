"""What do we know about this address: everything that is stored, in words, in few queries."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.whitelist.admin.staff import REASON, make_staff, signed_in, text_of
from tests.whitelist.factories import (
    ADDRESS,
    CONTACT,
    NAME,
    UNIT,
    make_block,
    make_host,
    make_network,
    make_zone,
    open_entry,
    register,
)
from whitelist.admin.address_words import REVIEWS, SENTENCES, TAGS, verdict
from whitelist.admin_display import admin_url
from whitelist.models import (
    Host,
    HostChange,
    LiveAnswer,
    Network,
    OmittedRecord,
    RegistrationOverride,
    WhitelistEntry,
    Zone,
)
from whitelist.registry.agreement import AddressStatus, Why
from whitelist.registry.lookup import Standing

pytestmark = pytest.mark.django_db

EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}
FIRST = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


@pytest.fixture
def client(chief_client: Client) -> Client:
    chief_client.cookies["django_language"] = "en"
    return chief_client


def look(client: Client, address: str = ADDRESS) -> Any:
    return client.get(reverse("admin:whitelist_address"), {"q": address})


def zones() -> tuple[Zone, Zone]:
    forward = make_zone("nthu.edu.tw", "forward")
    reverse_zone = make_zone("64.114.140.in-addr.arpa", "reverse")
    Zone.objects.update(first_loaded_at=FIRST, loaded_at=FIRST)
    return forward, reverse_zone


# What may be asked


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("140.114.64", "Enter one IP address"),
        ("lab154.ee.nthu.edu.tw", "Enter one IP address"),
        ("140.114.64.0/24", "Enter one IP address"),
        ("fe80::1%eth0", "Enter one IP address"),
        ("<script>", "Enter one IP address"),
        ("0.0.0.0", "never the address of one computer"),  # noqa: S104
        ("224.0.0.1", "never the address of one computer"),
        ("255.255.255.255", "never the address of one computer"),
    ],
)
def test_what_is_no_address_is_told_in_words(client: Client, asked: str, words: str) -> None:
    response = look(client, asked)
    assert response.status_code == 200
    assert words in text_of(response)
    assert "page" not in response.context
    assert "<script>" not in text_of(response)


def test_without_a_question_there_is_the_box_alone(client: Client) -> None:
    response = client.get(reverse("admin:whitelist_address"))
    assert response.status_code == 200
    assert "error" not in response.context
    assert "page" not in response.context


@pytest.mark.parametrize(
    ("asked", "address"),
    [(f" {ADDRESS} ", ADDRESS), ("2001:DB8:0::1", "2001:db8::1"), (f"::ffff:{ADDRESS}", ADDRESS)],
)
def test_other_spellings_are_the_same_address(client: Client, asked: str, address: str) -> None:
    assert str(look(client, asked).context["page"].known.address) == address


def test_who_may_not_see_hosts_may_not_ask(rows: None) -> None:
    client = signed_in(make_staff("nobody"))
    assert look(client).status_code == 403
    assert client.post(reverse("admin:whitelist_address_ask")).status_code == 403
    assert "Address" not in str(client.get(reverse("admin:index")).context["app_list"])


# What is told


def test_a_registered_address_with_everything_around_it(client: Client) -> None:
    forward, reverse_zone = zones()
    make_network("140.114.0.0/16", unit="Computer center", contact="noc@example.edu.tw")
    make_network("140.114.64.0/24")
    make_host(zone=forward)
    later = make_host(zone=reverse_zone)
    later.first_seen_at = FIRST + timedelta(days=3)
    later.save()
    HostChange.objects.create(
        zone=reverse_zone, address=ADDRESS, name=NAME, added=True, at=later.first_seen_at
    )
    HostChange.objects.create(
        zone=reverse_zone, address=ADDRESS, name="old.ee.nthu.edu.tw", added=False, at=FIRST
    )
    entry = open_entry()
    make_block("140.114.64.0/30", case_number="OTHER-1")
    response = look(client)
    shown, text = response.context["page"], text_of(response)
    assert f"It counts as registered under {NAME}." in text
    assert "What is missing" not in text
    assert [str(network) for network in shown.networks] == ["140.114.64.0/24", "140.114.0.0/16"]
    for words in (UNIT, CONTACT, "Computer center", "noc@example.edu.tw", entry.reference):
        assert words in text
    assert "before 2026-11-01 10:00:00" in text
    assert "2026-11-04 10:00:00" in text
    assert (
        text.index("Came")
        < text.index("Went")
        < text.index("old.ee.nthu.edu.tw", text.index("Went"))
    )
    assert "OTHER-1" not in text
    assert "Taiwan time" in text


def test_what_is_missing_is_told_with_the_record_that_was_left_out(client: Client) -> None:
    _forward, reverse_zone = zones()
    make_network()
    OmittedRecord.objects.create(
        zone=reverse_zone,
        reason="wildcard",
        owner="*.64.114.140.in-addr.arpa",
        type="PTR",
        target="any.nthu.edu.tw",
        address=ADDRESS,
    )
    text = text_of(look(client))
    assert "What is missing" in text
    assert "*.64.114.140.in-addr.arpa" in text
    assert "No zone and no list has a name for it." in text


def test_an_address_off_campus_is_told_as_such(client: Client) -> None:
    assert "not an address of the campus" in text_of(look(client, "192.0.2.1"))


def test_a_generated_name_and_one_whose_end_has_come_are_marked(client: Client) -> None:
    make_network()
    make_host(name="host-64-154.dynamic.nthu.edu.tw", zone=make_zone("nthu.edu.tw", "forward"))
    stated = make_host(zone=make_zone("staff"))
    stated.reason, stated.until = REASON, timezone.now() - timedelta(days=1)
    stated.save()
    response = look(client)
    rows = {row["host"].name: row for row in response.context["page"].hosts}
    assert rows["host-64-154.dynamic.nthu.edu.tw"]["is_generated"]
    assert rows[NAME]["has_ended"]
    assert not rows[NAME]["is_generated"]
    assert REASON.replace("'", "&#x27;") in text_of(response)


def test_a_name_that_an_alias_leads_to_is_shown_with_its_zone(client: Client) -> None:
    make_network()
    forward, reverse_zone = zones()
    target = "154.rev.nthu.edu.tw"
    OmittedRecord.objects.create(
        zone=reverse_zone,
        reason="alias",
        owner=f"154.{reverse_zone.name}",
        type="CNAME",
        target=target,
        address=ADDRESS,
    )
    OmittedRecord.objects.create(
        zone=forward, reason="wrong_tree", owner=target, type="PTR", target=NAME
    )
    response = look(client)
    rows = response.context["page"].hosts
    assert [(row["host"].name, row["host"].zone, row["first_seen"]) for row in rows] == [
        (NAME, forward, "–")
    ]
    assert NAME in text_of(response)


def test_overrides_open_and_past_and_the_way_to_a_new_one(client: Client) -> None:
    register()
    for days, lifted in ((9, None), (20, timezone.now())):
        RegistrationOverride.objects.create(
            address=ADDRESS,
            decision="refuse",
            reason=f"because of {days}",
            until=timezone.now() + timedelta(days=days),
            lifted_at=lifted,
        )
    response = look(client)
    text = text_of(response)
    assert response.context["page"].known.standing.status is AddressStatus.REVIEW
    assert "Refused by staff" in text
    assert "because of 9" in text
    assert "because of 20" in text
    assert f"{admin_url(RegistrationOverride, 'add')}?address={ADDRESS}" in text


def test_who_may_only_look_is_offered_no_override(viewer_client: Client) -> None:
    register()
    assert not look(viewer_client).context["page"].override_url


def test_entries_and_blocks_are_for_those_who_may_see_them(client: Client) -> None:
    open_entry()
    make_block(ADDRESS, case_number="SEC-1")
    assert "SEC-1" in text_of(look(client))
    hosts_only = make_staff("registrar")
    hosts_only.user_permissions.set(
        make_staff("all", "view").user_permissions.filter(codename__in=["view_host"])
    )
    shown = look(signed_in(hosts_only)).context["page"]
    assert (shown.entries, shown.blocks) == (None, None)


@pytest.mark.parametrize("status", AddressStatus)
def test_every_status_has_its_words(status: AddressStatus) -> None:
    assert status in TAGS
    assert status in SENTENCES
    said = verdict(Standing(status, NAME, zone="nthu.edu.tw"))
    assert said.what
    assert bool(said.missing) is (status is not AddressStatus.REGISTERED)


@pytest.mark.parametrize("why", Why)
def test_every_reason_for_a_review_has_its_words(why: Why) -> None:
    said = verdict(Standing(AddressStatus.REVIEW, NAME, why=why, until=timezone.now()))
    others = {f(Standing(AddressStatus.REVIEW, NAME)) for w, f in REVIEWS.items() if w is not why}
    assert (said.what, said.missing) not in others
    assert said.what
    assert said.missing


# What it costs


def queries(client: Client) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert look(client).status_code == 200
    return [query["sql"] for query in captured]


def test_the_number_of_queries_does_not_grow_with_what_is_known(viewer_client: Client) -> None:
    forward, reverse_zone = zones()
    register()
    make_host(zone=forward)
    make_host(zone=reverse_zone)
    open_entry()
    before = len(queries(viewer_client))
    for number in range(10):
        make_host(name=f"alias{number}.ee.nthu.edu.tw", zone=forward)
        OmittedRecord.objects.create(
            zone=forward, reason="wildcard", owner="*", type="A", address=ADDRESS
        )
        HostChange.objects.create(
            zone=forward, address=ADDRESS, name=NAME, added=True, at=timezone.now()
        )
        RegistrationOverride.objects.create(
            address=ADDRESS, decision="refuse", reason=REASON, until=FIRST, lifted_at=FIRST
        )
    assert len(queries(viewer_client)) <= before + 1  # the series is looked at for more names
    assert before <= 24


def test_no_table_that_grows_is_read_whole(client: Client) -> None:
    zones()
    register()
    open_entry()
    # Overrides are made one by one by people: that table stays small.
    models = (Host, HostChange, OmittedRecord, WhitelistEntry, LiveAnswer)
    large = [model._meta.db_table for model in models]
    asked = [sql for sql in queries(client) if any(f'FROM "{table}"' in sql for table in large)]
    assert len(asked) >= len(large)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads five rows whole, where it may
            cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in asked:
            cursor.execute(f"{EXPLAIN[connection.vendor]} {sql}")
            plan = "\n".join(str(column) for row in cursor.fetchall() for column in row)
            scanned = re.findall(r"(?:SCAN|Seq Scan on) (\w+)", plan)
            assert not set(scanned) & set(large), sql


# The ways to it


def test_hosts_and_networks_lead_to_it(client: Client) -> None:
    host = register()
    url = f"{reverse('admin:whitelist_address')}?q={ADDRESS}"
    assert url in text_of(client.get(admin_url(type(host), "change", host.pk)))
    network = Network.objects.get()
    shown = text_of(client.get(admin_url(Network, "change", network.pk)))
    assert f"{reverse('admin:whitelist_address')}?q=140.114.255.255" in shown
    assert reverse("admin:whitelist_address") in text_of(client.get(reverse("admin:index")))
    entry = open_entry()
    assert url in text_of(client.get(admin_url(WhitelistEntry, "change", entry.pk)))
