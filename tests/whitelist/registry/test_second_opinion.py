"""Having the name servers asked: seldom, without delay, and whatever becomes of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app

from tests.whitelist.factories import ADDRESS, NOON
from tests.whitelist.registry.standing import FORWARD, MINUTE, REVERSE, followed, live, zone
from whitelist.addresses import IPAddress, parse_address
from whitelist.models.registration import LiveAnswer, LiveVerdict
from whitelist.models.zone import Zone, ZoneServer
from whitelist.registry.reverse_names import reverse_address
from whitelist.registry.second_opinion import (
    ASKED_AGAIN_AFTER,
    do_ask_live,
    owner_in,
    request_opinion,
    zones_to_sync,
)

pytestmark = pytest.mark.django_db

HERE = parse_address(ADDRESS)
SECOND = timedelta(seconds=1)
Sent = Callable[[], int]


@pytest.fixture
def sent(tmp_path: Path) -> Iterator[Sent]:
    """How many messages were sent, to a broker in a folder of the test's own."""
    conf = current_app.conf
    names = ("broker_url", "broker_write_url", "broker_transport", "broker_transport_options")
    saved: dict[str, Any] = {name: getattr(conf, name, None) for name in names}
    conf.update(
        broker_url="file:///",
        broker_write_url="file:///",
        broker_transport="whitelist_site.file_broker:Transport",
        broker_transport_options={**saved["broker_transport_options"], "folder": str(tmp_path)},
    )
    yield lambda: sum(path.is_file() for path in tmp_path.rglob("*"))
    conf.update(saved)


class TestRequest:
    def test_it_is_asked_at_once(self, sent: Sent) -> None:
        row = request_opinion(HERE, NOON)
        assert (row.verdict, row.asked_at, row.answered_at) == (LiveVerdict.ASKED, NOON, None)
        assert sent() == 1

    def test_it_is_asked_once_an_address_in_five_minutes(self, sent: Sent) -> None:
        for seconds in range(0, 300, 50):
            request_opinion(HERE, NOON + seconds * SECOND)
        assert sent() == 1
        request_opinion(parse_address("140.114.64.155"), NOON)
        assert sent() == 2
        request_opinion(HERE, NOON + ASKED_AGAIN_AFTER)
        assert sent() == 3

    def test_an_answer_is_kept_until_it_is_asked_for_again(self, sent: Sent) -> None:
        answer = live(NOON)
        kept = request_opinion(HERE, NOON + ASKED_AGAIN_AFTER - SECOND)
        assert (kept.pk, kept.verdict) == (answer.pk, LiveVerdict.REGISTERED)
        assert sent() == 0
        asked = request_opinion(HERE, NOON + ASKED_AGAIN_AFTER)
        assert (asked.pk, asked.verdict) == (answer.pk, LiveVerdict.ASKED)
        assert (asked.names, asked.answered_at) == ({}, None)
        assert sent() == 1

    @pytest.mark.usefixtures("sent")
    def test_a_broker_that_is_down_costs_less_than_a_second(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        url = f"redis://127.0.0.1:{port}"
        current_app.conf.update(broker_url=url, broker_write_url=url, broker_transport=None)
        began = time.monotonic()
        assert request_opinion(HERE, NOON).verdict == LiveVerdict.ASKED
        assert time.monotonic() - began < 1


def ask(address: IPAddress = HERE, deadline: float = 0.3) -> LiveAnswer:
    return do_ask_live(address, at=NOON, keys_file=None, deadline=deadline)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes questions, and never says a word."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


def server(of: Zone, port: int, **fields: object) -> None:
    ZoneServer.objects.create(**{"zone": of, "address": "127.0.0.1", "port": port, **fields})


class TestNobodyAnswers:
    def test_where_no_zone_is_known_nothing_is(self) -> None:
        answer = ask()
        assert (answer.verdict, answer.answered_at) == (LiveVerdict.UNKNOWN, NOON)
        assert "no zone" in answer.detail

    def test_where_the_zone_is_loaded_by_hand_nothing_is(self) -> None:
        zone()
        answer = ask()
        assert answer.verdict == LiveVerdict.UNKNOWN
        assert answer.detail == f"{REVERSE} has no name server that can be asked"

    def test_a_key_that_is_not_there_is_told(self) -> None:
        server(followed(), 53, key_name="transfer")
        answer = ask()
        assert answer.verdict == LiveVerdict.UNKNOWN
        assert "no_key" in answer.detail

    def test_several_silent_servers_share_the_deadline(self, silent_port: int) -> None:
        reverse = followed()
        server(reverse, silent_port)
        server(reverse, silent_port, address="127.0.0.2")
        began = time.monotonic()
        answer = ask(deadline=0.3)
        assert time.monotonic() - began < 1
        assert answer.verdict == LiveVerdict.UNKNOWN
        assert "down" in answer.detail

    def test_the_last_answer_is_the_one_that_stands(self) -> None:
        before = live(NOON - MINUTE)
        assert ask().pk == before.pk
        before.refresh_from_db()
        assert (before.verdict, before.names) == (LiveVerdict.UNKNOWN, {})


class TestZonesToSync:
    def test_those_that_speak_for_what_is_registered_there(self) -> None:
        speaking = {followed(REVERSE), followed(FORWARD)}
        followed("nthu.edu.tw")
        followed("cs.nthu.edu.tw")
        assert set(zones_to_sync(live())) == speaking

    def test_of_every_view(self) -> None:
        speaking = {followed(REVERSE, "inside"), followed(REVERSE, "outside")}
        assert set(zones_to_sync(live())) == speaking

    def test_none_that_is_loaded_by_hand(self) -> None:
        reverse = followed(REVERSE)
        zone(FORWARD)
        assert zones_to_sync(live()) == [reverse]

    @pytest.mark.parametrize("verdict", [v for v in LiveVerdict if v != LiveVerdict.REGISTERED])
    def test_none_where_the_servers_have_nothing_more(self, verdict: LiveVerdict) -> None:
        followed(REVERSE)
        assert zones_to_sync(live(verdict=verdict)) == []


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        (REVERSE, f"154.{REVERSE}"),
        ("114.140.in-addr.arpa", f"154.{REVERSE}"),
        (f"154.{REVERSE}", f"154.{REVERSE}"),
        (f"128/25.{REVERSE}", f"154.128/25.{REVERSE}"),
        (f"152-29.{REVERSE}", f"154.152-29.{REVERSE}"),
    ],
)
def test_the_owner_of_a_pointer_is_the_one_of_its_zone(name: str, owner: str) -> None:
    assert owner_in(Zone(name=name), HERE) == owner
    assert reverse_address(owner) == ADDRESS
