"""Relays that ask: who gets the snapshot, when it is a new one, and what a 304 costs."""

from __future__ import annotations

import gzip
from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from tests.whitelist.factories import NOON, open_entry
from tests.whitelist.relay_map.asking import REPORT, SNAPSHOT, Asker, opened
from whitelist.audit import SYSTEM
from whitelist.models import ServiceSettings
from whitelist.relays import do_remove_relay, do_rotate_token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
V4 = "140.114.64.154"
V6 = "2001:288:e001::64"
SLOT = timedelta(seconds=300)
EXPIRY = int(NOON.timestamp()) + 3600


def test_an_answer_says_the_time_and_is_kept_by_nobody(
    relay: Asker, noon: time_machine.Traveller
) -> None:
    noon.move_to(NOON + timedelta(seconds=1.25))
    full = relay.ask()
    again = relay.ask(**{"if-none-match": full["ETag"]})
    assert (full.status_code, again.status_code) == (200, 304)
    assert full["Content-Type"] == "application/vnd.smtp-whitelist.snapshot"
    assert again.content == b""
    for answer in (full, again):
        assert answer["Relay-Time"] == f"{NOON.timestamp() + 1.25:.3f}"
        assert answer["Cache-Control"] == "no-store"
        assert not answer.cookies
        assert answer["ETag"] == full["ETag"]


@pytest.mark.parametrize("header", ["{}", '"other", {}', '{} , W/"x"'])
def test_not_changed_is_one_query_and_reads_no_entry(relay: Asker, header: str) -> None:
    open_entry(V4, at=NOON)
    etag = relay.ask()["ETag"]
    with CaptureQueriesContext(connection) as queries:
        answer = relay.ask(**{"if-none-match": header.format(etag)})
    assert answer.status_code == 304
    assert len(queries) == 1, [query["sql"] for query in queries]
    assert "whitelist_whitelistentry" not in queries[0]["sql"]


def test_the_query_finds_the_token_by_an_index(relay: Asker) -> None:
    with CaptureQueriesContext(connection) as queries:
        relay.ask()
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[connection.vendor]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads five rows whole, where it may
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(explain + queries[0]["sql"])
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "token_digest" in plan
    assert "SCAN whitelist_relay" not in plan


@pytest.mark.parametrize("known", ["", '"0"', 'W/"0-0-0-0-x"', "*garbage"])
def test_another_etag_gets_the_snapshot(relay: Asker, known: str) -> None:
    assert relay.ask(**{"if-none-match": known}).status_code == 200


def test_a_built_snapshot_is_sent_again_without_reading_an_entry(relay: Asker) -> None:
    open_entry(V4, at=NOON)
    first = relay.ask()
    with CaptureQueriesContext(connection) as queries:
        second = relay.ask()
    assert second.content == first.content
    assert len(queries) == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda: open_entry(V4, at=NOON), id="an entry"),
        pytest.param(lambda: ServiceSettings.objects.update(raised_per_hour=9), id="hour"),
        pytest.param(lambda: ServiceSettings.objects.update(raised_per_day=9), id="day"),
    ],
)
def test_a_change_is_told_at_the_next_question(relay: Asker, change) -> None:
    etag = relay.ask()["ETag"]
    assert relay.ask(**{"if-none-match": etag}).status_code == 304
    change()
    answer = relay.ask(**{"if-none-match": etag})
    assert answer.status_code == 200
    assert answer["ETag"] != etag


def test_without_a_change_it_is_issued_again_in_each_third_of_its_life(
    relay: Asker, noon: time_machine.Traveller
) -> None:
    etag = relay.ask()["ETag"]
    noon.move_to(NOON + SLOT - timedelta(seconds=1))
    assert relay.ask(**{"if-none-match": etag}).status_code == 304
    noon.move_to(NOON + SLOT)
    answer = relay.ask(**{"if-none-match": etag})
    assert answer.status_code == 200
    renewed = opened(answer.content)
    assert (renewed.serial, renewed.issued_at) == (0, EXPIRY - 3600 + 300)


def test_a_machine_whose_clock_is_behind_gives_no_older_snapshot(
    relay: Asker, noon: time_machine.Traveller
) -> None:
    noon.move_to(NOON + SLOT)
    ahead = relay.ask()["ETag"]
    noon.move_to(NOON + SLOT - timedelta(seconds=1))
    assert relay.ask(**{"if-none-match": ahead}).status_code == 304


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("GZIP", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("xgzip", False),
    ],
)
def test_it_comes_compressed_where_that_is_accepted(
    relay: Asker, accepted: str, packed: bool
) -> None:
    open_entry(V4, at=NOON)
    plain = relay.ask()
    answer = relay.ask(**{"accept-encoding": accepted})
    assert answer.headers.get("Content-Encoding") == ("gzip" if packed else None)
    body = gzip.decompress(answer.content) if packed else answer.content
    assert body == plain.content
    assert "Accept-Encoding" in answer["Vary"]


@pytest.mark.parametrize("path", [SNAPSHOT, REPORT])
@pytest.mark.parametrize(
    "header",
    [
        None, "", "Bearer", "Bearer ", "Basic bXgxOng=", "{token}", "Bearer {token}x",
        "Bearer x{token}", "Bearer {token} {token}", "Bearer {digest}", "Bearer é{token}",
    ],
)  # fmt: skip
def test_without_a_good_token_it_is_401(relay: Asker, path: str, header: str | None) -> None:
    digest = relay.row.token_digest
    sent = {}
    if header is not None:
        sent["authorization"] = header.format(token=relay.token, digest=digest)
    ask = relay.client.get if path == SNAPSHOT else relay.client.post
    answer = ask(path, headers=sent)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert "Relay-Time" not in answer
    assert relay.row.reported_at is None


def test_a_stranger_costs_no_query(relay: Asker) -> None:
    with CaptureQueriesContext(connection) as queries:
        Client().get(SNAPSHOT)
    assert len(queries) == 0


def test_a_rotated_token_and_a_removed_relay_are_strangers(relay: Asker) -> None:
    old = relay.token
    relay.token = do_rotate_token(relay.row, actor=SYSTEM, at=NOON)
    assert relay.ask().status_code == 200
    new, relay.token = relay.token, old
    assert relay.ask().status_code == 401
    relay.token = new
    do_remove_relay(relay.row, actor=SYSTEM, at=NOON)
    assert relay.ask().status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "delete", "head", "options", "patch"])
def test_a_snapshot_is_asked_by_get_alone(relay: Asker, method: str) -> None:
    ask = getattr(relay.client, method)
    assert ask(SNAPSHOT, headers=relay.authorized({})).status_code == 405


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, DatabaseError])
@pytest.mark.parametrize("path", [SNAPSHOT, REPORT])
def test_while_the_database_is_away_it_is_503(
    relay: Asker, monkeypatch: pytest.MonkeyPatch, error: type[Exception], path: str
) -> None:
    def fail(_self: object) -> None:
        raise error("away")

    monkeypatch.setattr(QuerySet, "first", fail)
    ask = relay.client.get if path == SNAPSHOT else relay.client.post
    answer = ask(path, headers=relay.authorized({}))
    assert (answer.status_code, answer.content) == (503, b"try again later\n")


def test_without_a_readable_signing_key_it_is_503(
    relay: Asker, settings: Settings, tmp_path
) -> None:
    settings.RELAY_SIGNING_KEY_FILE = tmp_path / "gone.pem"
    assert relay.ask().status_code == 503


def test_no_csrf_token_is_wanted(relay: Asker) -> None:
    relay.client = Client(enforce_csrf_checks=True)
    assert relay.report().status_code == 204
    assert relay.ask().status_code == 200
