"""Relays that report: what counts, what is refused, and when an entry is effective."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.whitelist.factories import NOON, open_entry
from tests.whitelist.relay_map.asking import DIGEST, Asker, told
from whitelist.audit import SYSTEM
from whitelist.models import AccessMap, Relay, SentCount, WhitelistEntry
from whitelist.models.relay import LOCAL_RELAY
from whitelist.relay_map.acknowledge import acknowledge
from whitelist.relay_map.report import MOST_BYTES, ReportError, parse_report
from whitelist.relays import do_remove_relay, do_set_active

V4 = "140.114.64.154"
SECOND = timedelta(seconds=1)
SENT = {"address": V4, "expires": 1, "messages": 1, "recipients": 1, "bounced": 0}


@pytest.fixture
def relay(noon: time_machine.Traveller, db: None) -> Asker:
    """The only relay that counts."""
    Relay.objects.update(is_active=False)
    return Asker()


# What is stored


def test_a_report_is_stored_with_the_difference_of_the_clocks(relay: Asker) -> None:
    open_entry(V4, at=NOON)
    answer = relay.report(
        serial=1, version="1.2~rc1", time=NOON.timestamp() - 3600.25, error="", issued_at=1764001200
    )
    assert (answer.status_code, answer.content) == (204, b"")
    row = relay.row
    assert (row.installed_serial, row.installed_digest, row.version) == (1, DIGEST, "1.2~rc1")
    assert (row.reported_at, row.booted_seconds) == (NOON, 12345.6)
    assert row.clock_offset == -3600.25
    assert row.issued_at == datetime.fromtimestamp(1764001200, UTC)
    assert row.last_error == ""


def test_an_error_is_stored_in_one_line_and_goes_with_the_next_report(relay: Asker) -> None:
    relay.report(error="disk\nfull\x00\ud800" + "x" * 600)
    assert relay.row.last_error == "disk full  " + "x" * 489
    relay.report()
    assert relay.row.last_error == ""


def test_before_anything_is_installed_a_report_has_no_time_of_issue(relay: Asker) -> None:
    assert relay.report(serial=0, issued_at=0).status_code == 204
    assert relay.row.issued_at is None
    assert relay.row.reported_at == NOON


def test_fields_of_a_newer_agent_are_left_alone(relay: Asker) -> None:
    assert relay.report(temperature=40).status_code == 204


def test_the_same_report_again_changes_nothing_but_its_time(
    relay: Asker, noon: time_machine.Traveller
) -> None:
    entry = open_entry(V4, at=NOON)
    body = json.dumps(told(serial=1, sent=[SENT])).encode()
    relay.send(body)
    entry.refresh_from_db()
    before = (relay.row.installed_serial, entry.effective_at, list(SentCount.objects.values()))
    noon.move_to(NOON + 10 * SECOND)
    relay.send(body)
    entry.refresh_from_db()
    after = (relay.row.installed_serial, entry.effective_at, list(SentCount.objects.values()))
    assert after == before
    assert relay.row.reported_at == NOON + 10 * SECOND


# What is refused


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"[]", b"null", b"{}", b'"text"', b"\xff", b"[" * 100_000,
        json.dumps(told()).encode()[:-1],
        json.dumps(told()).replace("12345.6", "NaN").encode(),
        json.dumps(told()).replace("12345.6", "Infinity").encode(),
        json.dumps(told()).replace("12345.6", "1e999").encode(),
    ],
    ids=["empty", "word", "list", "null", "object", "text", "bytes", "deep", "cut", "nan", "inf",
         "overflow"],
)  # fmt: skip
def test_what_is_no_report_is_refused_in_one_line(relay: Asker, body: bytes) -> None:
    answer = relay.send(body)
    assert answer.status_code == 400
    assert answer.content.count(b"\n") == 1
    assert relay.row.reported_at is None


WRONG = [
    ("serial", -1), ("serial", 1.5), ("serial", "1"), ("serial", True), ("serial", None),
    ("serial", 2**60),
    ("digest", "AB" * 32), ("digest", "ab"), ("digest", ""), ("digest", None),
    ("version", ""), ("version", "<b>"), ("version", "1" * 51), ("version", 1),
    ("boot_seconds", -1), ("boot_seconds", "1"), ("boot_seconds", True), ("boot_seconds", None),
    ("time", -1.0), ("time", None), ("time", []),
    ("error", None), ("error", 5),
    ("issued_at", -1), ("issued_at", 2**50), ("issued_at", None),
    ("run", ""), ("run", "x" * 32), ("run", "ab" * 33), ("run", None),
    ("sent", None), ("sent", {}), ("sent", [1]), ("sent", [{}]),
    ("sent", [SENT | {"address": "140.114"}]), ("sent", [SENT | {"address": "mx.example"}]),
    ("sent", [SENT | {"address": None}]), ("sent", [SENT | {"messages": -1}]),
    ("sent", [SENT | {"recipients": 1.5}]), ("sent", [SENT | {"bounced": "1"}]),
    ("sent", [SENT | {"expires": None}]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda value: str(value)[:40])
def test_a_field_of_another_form_is_named(relay: Asker, field: str, value: object) -> None:
    answer = relay.report(**{field: value})
    assert answer.status_code == 400
    assert f"'{field}'" in answer.content.decode() or field == "sent"
    assert relay.row.reported_at is None


@pytest.mark.parametrize("field", sorted(told()))
def test_no_field_may_be_missing(field: str) -> None:
    report = told()
    parse_report(json.dumps(report).encode())
    del report[field]
    with pytest.raises(ReportError, match=f"'{field}'"):
        parse_report(json.dumps(report).encode())


def test_a_report_is_at_most_a_mebibyte_long(relay: Asker) -> None:
    body = json.dumps(told()).encode()
    assert relay.send(body + b" " * (MOST_BYTES - len(body))).status_code == 204
    answer = relay.send(body + b" " * (MOST_BYTES + 1 - len(body)))
    assert answer.content == b"it is longer than 1048576 bytes\n"
    assert relay.send(body + b" " * 5 * MOST_BYTES).status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_report_says_that_it_is_json(relay: Asker, kind: str) -> None:
    assert relay.send(json.dumps(told()).encode(), kind).status_code == 400


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_a_report_comes_by_post_alone(relay: Asker, method: str) -> None:
    ask = getattr(relay.client, method)
    assert ask("/relay/v1/report", headers=relay.authorized({})).status_code == 405


def test_one_relay_reports_for_itself_alone(relay: Asker) -> None:
    other = Asker("mx2")
    open_entry(V4, at=NOON)
    relay.report(serial=1)
    assert (relay.row.installed_serial, other.row.installed_serial) == (1, 0)
    assert Relay.objects.get(name=LOCAL_RELAY).reported_at is None


# What counts


def test_an_entry_is_effective_when_every_relay_that_counts_has_its_serial(
    relay: Asker, noon: time_machine.Traveller
) -> None:
    other = Asker("mx2")
    entry = open_entry(V4, at=NOON)
    relay.report(serial=1)
    other.report(serial=0)
    entry.refresh_from_db()
    assert entry.effective_at is None
    noon.move_to(NOON + 2 * SECOND)
    other.report(serial=1)
    entry.refresh_from_db()
    assert entry.effective_at == NOON + 2 * SECOND


def test_an_older_report_that_comes_late_lowers_nothing(relay: Asker) -> None:
    open_entry(V4, at=NOON)
    relay.report(serial=1)
    relay.report(serial=0)
    assert relay.row.installed_serial == 1


def test_a_serial_that_the_map_has_not_reached_acknowledges_nothing_and_is_told(
    relay: Asker,
) -> None:
    entry = open_entry(V4, at=NOON)
    assert relay.report(serial=900, error="refused").status_code == 204
    entry.refresh_from_db()
    assert (entry.effective_at, relay.row.installed_serial) == (None, 0)
    assert relay.row.last_error == "it reports serial 900, and the map is at 1: refused"
    relay.report(serial=1)
    entry.refresh_from_db()
    assert (entry.effective_at, relay.row.last_error) == (NOON, "")


def test_an_entry_that_has_ended_does_not_become_effective(
    relay: Asker, noon: time_machine.Traveller
) -> None:
    entry = open_entry(V4, at=NOON)
    noon.move_to(NOON + timedelta(hours=1))
    relay.report(serial=1)
    entry.refresh_from_db()
    assert entry.effective_at is None


def test_a_relay_taken_out_of_the_count_or_removed_lets_entries_take_effect(
    relay: Asker,
) -> None:
    lagging, gone = Asker("mx2"), Asker("mx3")
    entry = open_entry(V4, at=NOON)
    relay.report(serial=1)
    assert do_set_active(lagging.row, False, actor=SYSTEM, at=NOON) == 0
    assert do_remove_relay(gone.row, actor=SYSTEM, at=NOON + SECOND) == 1
    entry.refresh_from_db()
    assert entry.effective_at == NOON + SECOND
    assert lagging.report(serial=0).status_code == 204, "it still follows and reports"


def test_a_report_costs_few_queries_however_much_was_sent(relay: Asker) -> None:
    open_entry(V4, at=NOON)
    sent = [SENT | {"address": f"140.114.{i // 200}.{i % 200 + 1}"} for i in range(400)]
    with CaptureQueriesContext(connection) as queries:
        relay.report(serial=1, sent=sent)
    assert len(queries) <= 14, [query["sql"][:90] for query in queries]


@pytest.mark.django_db(transaction=True)
def test_reports_at_once_lower_nothing_and_forget_nobody() -> None:
    relays = [Asker(f"mx{number}") for number in range(4)]
    Relay.objects.filter(name=LOCAL_RELAY).update(is_active=False)
    entry = open_entry(V4)
    AccessMap.objects.update(serial=20)

    def report(number: int) -> int:
        try:
            return int(relays[number % 4].report(serial=20 - number // 4).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(report, range(32))) == {204}
    assert {one.row.installed_serial for one in relays} == {20}
    assert WhitelistEntry.objects.get(pk=entry.pk).effective_at is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_the_two_last_relays_at_once_make_an_entry_effective(attempt: int) -> None:
    names = ["mx1", "mx2", LOCAL_RELAY]
    Asker("mx1"), Asker("mx2")
    entry = open_entry(V4)

    def installed(name: str) -> None:
        try:
            acknowledge(name, serial=1, at=entry.opened_at)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(installed, names))
    entry.refresh_from_db()
    assert entry.effective_at == entry.opened_at
