"""A live look-up at real authoritative servers: what they have, and whatever goes wrong."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.real.name_server_fixtures import Serve
from tests.real.name_servers import HOST, NameServer
from tests.real.zones import Key, Zone, key_file
from tests.whitelist.factories import NOON
from tests.whitelist.registry.standing import followed
from whitelist.addresses import parse_address
from whitelist.models.registration import LiveAnswer, LiveVerdict
from whitelist.models.zone import ZoneServer
from whitelist.registry.second_opinion import DEADLINE, MOST_NAMES, do_ask_live, zones_to_sync

pytestmark = pytest.mark.django_db

FORWARD, REVERSE, IPV6 = "ee.nthu.edu.tw", "64.114.140.in-addr.arpa", "8.8.2.0.1.0.0.2.ip6.arpa"
CHILD = f"192/27.{REVERSE}"
FORWARD_CHILD = "rev.cs.nthu.edu.tw"
V6_ADDRESS = "2001:288:e001:64::9"
V6_OWNER = parse_address(V6_ADDRESS).reverse_pointer
INSIDE, OUTSIDE = Key("inside"), Key("outside")

FORWARD_BODY = """\
lab1 A 140.114.64.1
lab2 A 140.114.64.99
host-64-4 A 140.114.64.4
lab5 A 140.114.64.98
lab5 A 140.114.64.5
many A 140.114.64.6
lab193 A 140.114.64.193
six AAAA 2001:288:e001:64::9
*.wild A 140.114.64.8
unused10 A 140.114.64.10
lab20 A 140.114.64.20
"""
REVERSE_BODY = f"""\
1 PTR lab1.ee.nthu.edu.tw.
2 PTR lab2.ee.nthu.edu.tw.
4 PTR host-64-4.ee.nthu.edu.tw.
5 PTR other.ee.nthu.edu.tw.
5 PTR lab5.ee.nthu.edu.tw.
7 PTR lab7.elsewhere.example.
8 PTR anything.wild.ee.nthu.edu.tw.
9 PTR a\\.b.ee.nthu.edu.tw.
10 PTR unused10.ee.nthu.edu.tw.
20 CNAME 20.{FORWARD_CHILD}.
21 CNAME 21.{FORWARD_CHILD}.
22 CNAME 22.rev.elsewhere.example.
193 CNAME 193.{CHILD}.
{"".join(f"6 PTR n{number}.ee.nthu.edu.tw.{chr(10)}" for number in range(20))}"""
CHILD_BODY = "193 PTR lab193.ee.nthu.edu.tw.\n"
IPV6_BODY = f"{V6_OWNER}. PTR six.ee.nthu.edu.tw.\n"


@pytest.fixture(scope="module")
def bind(serve_for_module: Serve) -> NameServer:
    return serve_for_module(
        "named",
        Zone(FORWARD, FORWARD_BODY),
        Zone(REVERSE, REVERSE_BODY),
        Zone(CHILD, CHILD_BODY),
        Zone(IPV6, IPV6_BODY),
    )


def ask(address: str, keys_file: Path | None = None) -> LiveAnswer:
    return do_ask_live(parse_address(address), at=NOON, keys_file=keys_file)


def serve_zone(name: str, port: int, *, view: str = "", key: str = "", position: int = 0) -> None:
    ZoneServer.objects.create(
        zone=followed(name, view), address=HOST, port=port, key_name=key, position=position
    )


@pytest.fixture
def zones(bind: NameServer) -> None:
    for name in (FORWARD, REVERSE, IPV6):
        serve_zone(name, bind.port)


@pytest.mark.usefixtures("zones")
class TestWhatTheyHave:
    @pytest.mark.parametrize(
        ("address", "verdict", "names"),
        [
            ("140.114.64.1", LiveVerdict.REGISTERED, {"lab1": ["140.114.64.1"]}),
            ("140.114.64.2", LiveVerdict.UNREGISTERED, {"lab2": ["140.114.64.99"]}),
            ("140.114.64.3", LiveVerdict.UNREGISTERED, {}),
            ("140.114.64.4", LiveVerdict.UNREGISTERED, {}),
            ("140.114.64.9", LiveVerdict.UNREGISTERED, {}),
            ("140.114.64.10", LiveVerdict.UNREGISTERED, {}),
            (V6_ADDRESS, LiveVerdict.REGISTERED, {"six": [V6_ADDRESS]}),
        ],
    )
    def test_it_is_told_with_the_names(
        self, address: str, verdict: LiveVerdict, names: dict[str, list[str]]
    ) -> None:
        answer = ask(address)
        assert (answer.verdict, answer.detail) == (verdict, "")
        assert answer.names == {f"{name}.{FORWARD}": found for name, found in names.items()}

    def test_one_of_several_names_is_enough(self) -> None:
        answer = ask("140.114.64.5")
        assert answer.verdict == LiveVerdict.REGISTERED
        assert set(answer.names["lab5.ee.nthu.edu.tw"]) == {"140.114.64.5", "140.114.64.98"}

    def test_no_more_than_a_few_names_are_asked_for(self) -> None:
        answer = ask("140.114.64.6")
        assert answer.verdict == LiveVerdict.UNREGISTERED
        assert len(answer.names) == MOST_NAMES

    def test_a_name_of_a_zone_that_we_do_not_know_cannot_be_asked_for(self) -> None:
        answer = ask("140.114.64.7")
        assert answer.verdict == LiveVerdict.UNKNOWN
        assert answer.detail == "no zone that speaks for lab7.elsewhere.example is known"

    def test_a_wildcard_cannot_be_told_from_a_name(self) -> None:
        """That is why a live answer accepts nobody: the zone itself will have the last word."""
        answer = ask("140.114.64.8")
        assert answer.verdict == LiveVerdict.REGISTERED
        assert {zone.name for zone in zones_to_sync(answer)} == {FORWARD, REVERSE}

    def test_a_delegated_range_is_asked_for_in_its_own_zone(self, bind: NameServer) -> None:
        answer = ask("140.114.64.193")
        assert answer.verdict == LiveVerdict.UNKNOWN
        assert "alias" in answer.detail
        serve_zone(CHILD, bind.port)
        assert ask("140.114.64.193").verdict == LiveVerdict.REGISTERED

    def test_an_alias_is_followed_to_the_servers_of_a_child_that_we_know(
        self, serve: Serve
    ) -> None:
        assert ask("140.114.64.20").verdict == LiveVerdict.UNKNOWN
        other = serve("named", Zone(FORWARD_CHILD, "20 PTR lab20.ee.nthu.edu.tw.\n"))
        serve_zone(FORWARD_CHILD, other.port)
        answer = ask("140.114.64.20")
        assert answer.verdict == LiveVerdict.REGISTERED
        assert answer.names == {"lab20.ee.nthu.edu.tw": ["140.114.64.20"]}
        assert ask("140.114.64.21").verdict == LiveVerdict.UNREGISTERED
        elsewhere = ask("140.114.64.22")
        assert elsewhere.verdict == LiveVerdict.UNKNOWN
        assert "an alias leads to 22.rev.elsewhere.example" in elsewhere.detail


class TestWhatGoesWrong:
    def test_the_next_server_is_asked_where_one_is_down(self, serve: Serve) -> None:
        first = serve("named", Zone(REVERSE, REVERSE_BODY), Zone(FORWARD, FORWARD_BODY))
        second = serve("named", Zone(REVERSE, REVERSE_BODY), Zone(FORWARD, FORWARD_BODY))
        for name in (REVERSE, FORWARD):
            serve_zone(name, first.port)
            serve_zone(name, second.port, position=1)
        first.pause()
        began = time.monotonic()
        assert ask("140.114.64.1").verdict == LiveVerdict.REGISTERED
        assert time.monotonic() - began < DEADLINE
        second.pause()
        began = time.monotonic()
        answer = ask("140.114.64.1")
        assert answer.verdict == LiveVerdict.UNKNOWN
        assert f"{HOST}#{first.port}: down" in answer.detail
        assert f"{HOST}#{second.port}: down" in answer.detail
        assert time.monotonic() - began < DEADLINE + 0.5

    def test_a_zone_that_is_not_served_there_is_unknown(self, bind: NameServer) -> None:
        serve_zone(REVERSE, bind.port)
        serve_zone("example.org", bind.port)
        serve_zone("elsewhere.example", bind.port)
        answer = ask("140.114.64.7")
        assert answer.verdict == LiveVerdict.UNKNOWN
        assert f"{HOST}#{bind.port}" in answer.detail

    def test_a_wrong_key_is_unknown_and_the_right_one_is_not(
        self, serve: Serve, tmp_path: Path
    ) -> None:
        key = Key("transfer")
        signed = serve(
            "named",
            Zone(REVERSE, REVERSE_BODY, readers=(key,)),
            Zone(FORWARD, FORWARD_BODY, readers=(key,)),
        )
        for name in (REVERSE, FORWARD):
            serve_zone(name, signed.port, key="transfer")
        keys_file = tmp_path / "keys"
        keys_file.write_text(key_file(Key("transfer")))
        answer = ask("140.114.64.1", keys_file)
        assert answer.verdict == LiveVerdict.UNKNOWN
        assert "wrong_key" in answer.detail
        keys_file.write_text(key_file(key))
        assert ask("140.114.64.1", keys_file).verdict == LiveVerdict.REGISTERED


@pytest.mark.parametrize("reverse_views", [("inside", "outside"), ("",)])
def test_each_view_is_asked_by_its_own_key(
    serve: Serve, tmp_path: Path, reverse_views: tuple[str, ...]
) -> None:
    def body(number: int) -> str:
        return f"lab A 140.114.64.{number}\n"

    pointers = "".join(f"{number} PTR lab.ee.nthu.edu.tw.\n" for number in range(10, 13))
    views = {"inside": INSIDE, "outside": OUTSIDE}
    bind = serve(
        "named",
        *(
            zone
            for number, (view, key) in enumerate(views.items(), 10)
            for zone in (
                Zone(FORWARD, body(number), readers=(key,), view=view),
                Zone(REVERSE, pointers, readers=(key,), view=view),
            )
        ),
    )
    keys_file = tmp_path / "keys"
    keys_file.write_text(key_file(INSIDE, OUTSIDE))
    for view, key in views.items():
        serve_zone(FORWARD, bind.port, view=view, key=key.name)
    for view in reverse_views:
        serve_zone(REVERSE, bind.port, view=view, key=view or "inside")
    for number in (10, 11):
        assert ask(f"140.114.64.{number}", keys_file).verdict == LiveVerdict.REGISTERED
    assert ask("140.114.64.12", keys_file).verdict == LiveVerdict.UNREGISTERED
