"""NOTIFY: who is believed, what goes back, and that nobody can drive us with it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rcode
import dns.tsig
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from tests.real.processes import free_port, wait_until
from whitelist.registry.following.notify import (
    GAP,
    Hints,
    Known,
    NotifiedZone,
    answer,
)
from whitelist.registry.following.notify_listener import (
    CONNECTION_TIMEOUT,
    KNOWN_AT_LEAST,
    NotifyListener,
)

PRIMARY = "192.0.2.53"
KEY = dns.tsig.Key("transfer.nthu.", b"0123456789abcdef0123456789abcdef", dns.tsig.HMAC_SHA256)
OTHERS_KEY = dns.tsig.Key("other.", b"fedcba9876543210fedcba9876543210", dns.tsig.HMAC_SHA256)
WRONG_SECRET = dns.tsig.Key("transfer.nthu.", b"x" * 32, dns.tsig.HMAC_SHA256)
UNKNOWN_KEY = dns.tsig.Key("nobody.", b"x" * 32, dns.tsig.HMAC_SHA256)
ZONE = "ee.nthu.edu.tw"
KNOWN = Known(
    {
        ZONE: [
            NotifiedZone(1, frozenset({PRIMARY}), frozenset({"transfer.nthu"})),
            NotifiedZone(2, frozenset({"192.0.2.54"}), frozenset()),
        ]
    },
    {KEY.name: KEY, OTHERS_KEY.name: OTHERS_KEY},
)


def notify(
    zone: str = ZONE, kind: str = "SOA", *, key: dns.tsig.Key | None = None, at: int | None = None
) -> bytes:
    message = dns.message.make_query(zone, kind)
    message.flags = dns.flags.AA
    message.set_opcode(dns.opcode.NOTIFY)
    if key:
        message.use_tsig(key)
    with time_machine.travel(at or time.time()):
        return message.to_wire()


def rcode(wire: bytes | None) -> str:
    assert wire is not None
    message = dns.message.from_wire(wire, keyring=False)
    assert message.flags & dns.flags.QR
    return dns.rcode.to_text(message.rcode())


@pytest.mark.parametrize(
    ("made", "source", "code", "zones"),
    [
        pytest.param(notify, PRIMARY, "NOERROR", (1,), id="from the server of one view"),
        pytest.param(notify, "192.0.2.54", "NOERROR", (2,), id="from the server of the other"),
        pytest.param(lambda: notify("EE.NTHU.EDU.TW."), PRIMARY, "NOERROR", (1,), id="upper case"),
        pytest.param(
            lambda: notify(key=KEY), "203.0.113.9", "NOERROR", (1,), id="anybody with the key"
        ),
        pytest.param(notify, "203.0.113.9", "REFUSED", (), id="a stranger"),
        pytest.param(
            lambda: notify(key=OTHERS_KEY), PRIMARY, "REFUSED", (), id="a key of another zone"
        ),
        pytest.param(lambda: notify(key=WRONG_SECRET), PRIMARY, "NOTAUTH", (), id="a wrong secret"),
        pytest.param(lambda: notify(key=UNKNOWN_KEY), PRIMARY, "NOTAUTH", (), id="an unknown key"),
        pytest.param(
            lambda: notify(key=KEY, at=LONG_AGO), PRIMARY, "NOTAUTH", (), id="a wrong clock"
        ),
        pytest.param(
            lambda: notify("math.nthu.edu.tw"), PRIMARY, "NOTAUTH", (), id="a zone not followed"
        ),
        pytest.param(lambda: notify(kind="A"), PRIMARY, "FORMERR", (), id="no SOA question"),
        pytest.param(
            lambda: dns.message.make_query(ZONE, "SOA").to_wire(),
            PRIMARY,
            "NOTIMP",
            (),
            id="a query",
        ),
        pytest.param(lambda: notify()[:20], PRIMARY, "FORMERR", (), id="cut off"),
    ],
)
def test_who_is_believed(made, source, code, zones):
    """Made now: a signature is good for five minutes, and tests are collected long before."""
    wire = made()
    given = answer(wire, source, KNOWN)
    assert given.zones == zones
    assert rcode(given.wire) == code
    assert given.wire is not None
    assert given.wire[:2] == wire[:2]


SHA512_KEY = dns.tsig.Key(KEY.name, KEY.secret, dns.tsig.HMAC_SHA512)
LONG_AGO = 1_000_000_000


@pytest.mark.parametrize(
    ("key", "at", "error", "raised"),
    [
        pytest.param(UNKNOWN_KEY, None, dns.rcode.BADKEY, dns.tsig.PeerBadKey, id="unknown key"),
        pytest.param(SHA512_KEY, None, dns.rcode.BADKEY, dns.tsig.PeerBadKey, id="its algorithm"),
        pytest.param(
            WRONG_SECRET, None, dns.rcode.BADSIG, dns.tsig.PeerBadSignature, id="wrong secret"
        ),
        pytest.param(KEY, LONG_AGO, dns.rcode.BADTIME, dns.tsig.PeerBadTime, id="wrong clock"),
    ],
)
def test_a_signature_that_does_not_hold_is_answered_with_the_reason(key, at, error, raised):
    """RFC 8945, 5.2: name, algorithm, time and id are the request's; the MAC is empty, but for a
    wrong clock, which is told under the key, with ours beside the peer's."""
    wire = notify(key=key, at=at)
    request = dns.message.from_wire(wire, keyring=False)
    given = answer(wire, PRIMARY, KNOWN)
    assert given.wire is not None
    parsed = dns.message.from_wire(given.wire, keyring=False)
    assert (parsed.rcode(), parsed.opcode()) == (dns.rcode.NOTAUTH, dns.opcode.NOTIFY)
    assert parsed.question == request.question
    assert parsed.tsig is not None
    assert request.tsig is not None
    assert (parsed.tsig.name, parsed.tsig_error) == (key.name, error)
    told, asked = parsed.tsig[0], request.tsig[0]
    assert (told.algorithm, told.time_signed, told.fudge, told.original_id) == (
        (asked.algorithm, asked.time_signed, asked.fudge, request.id)
    )
    if error == dns.rcode.BADTIME:
        assert abs(int.from_bytes(told.other, "big") - time.time()) < 60
        assert request.mac is not None
        assert is_signed(given.wire, request.mac)
        assert not is_signed(given.wire, b"another request's")
    else:
        assert (told.mac, told.other) == (b"", b"")
    with pytest.raises(raised):
        dns.message.from_wire(given.wire, keyring={key.name: key}, request_mac=request.mac)


def is_signed(wire: bytes, request_mac: bytes) -> bool:
    """Whether KEY's MAC is over the request's MAC and the message without its last record."""
    message = dns.message.from_wire(wire, keyring=False)
    assert message.tsig is not None
    record: Any = message.tsig[0]
    message.tsig = None
    bare = message.to_wire()
    assert wire[12 : len(bare)] == bare[12:]
    sign: Any = dns.tsig.sign
    return bool(sign(bare, KEY, record, record.time_signed, request_mac)[0].mac == record.mac)


def test_long_names_in_an_unverified_request_are_no_reason_to_raise():
    """More than fits into 512 bytes, which is what a message without EDNS is given elsewhere."""
    long = ".".join(["x" * 60] * 4)
    key = dns.tsig.Key(f"{long}.", b"x" * 32, dns.tsig.HMAC_SHA256)
    given = answer(notify(f"{'y' * 60}.{long[:180]}", key=key), PRIMARY, KNOWN)
    assert rcode(given.wire) == "NOTAUTH"


def test_an_unverified_request_with_something_behind_it_cannot_be_read():
    assert rcode(answer(notify(key=UNKNOWN_KEY) + b"x", PRIMARY, KNOWN).wire) == "FORMERR"


def test_an_unverified_response_gets_no_answer():
    wire = notify(key=UNKNOWN_KEY)
    assert answer(wire[:2] + bytes([wire[2] | 0x80]) + wire[3:], PRIMARY, KNOWN).wire is None


def test_a_believed_notify_is_answered_with_authority_and_signed_where_it_was():
    response = answer(notify(key=KEY), PRIMARY, KNOWN).wire
    assert response is not None
    message = dns.message.from_wire(notify(key=KEY), keyring={KEY.name: KEY})
    assert message.had_tsig
    parsed = dns.message.from_wire(response, keyring=False)
    assert parsed.flags & dns.flags.AA
    assert parsed.opcode() == dns.opcode.NOTIFY


@pytest.mark.parametrize(
    "wire",
    [b"", b"\0", b"\0" * 11, notify()[:2] + b"\x80" + notify()[3:]],
    ids=["nothing", "a byte", "half a header", "a response"],
)
def test_a_response_or_a_scrap_gets_no_answer(wire):
    assert answer(wire, PRIMARY, KNOWN).wire is None


@given(
    st.binary(max_size=100)
    | st.builds(bytearray, st.sampled_from([notify(), notify(key=UNKNOWN_KEY)])).flatmap(
        lambda wire: st.tuples(st.integers(0, len(wire) - 1), st.integers(0, 255)).map(
            lambda change: (
                bytes(wire[: change[0]]) + bytes([change[1]]) + bytes(wire[change[0] + 1 :])
            )
        )
    )
)
def test_no_bytes_make_it_raise(wire):
    assert set(answer(wire, "203.0.113.9", KNOWN).zones) == set()


def test_hints_are_passed_on_at_once_and_then_once_a_gap():
    hints = Hints()
    passed = []
    for tick in range(35):
        now = 100 + tick / 10
        hints.add(1, now)
        passed += [(round(now - 100, 1), zone) for zone in hints.due(now)]
    assert passed == [(0, 1), (1.0, 1), (2.0, 1), (3.0, 1)]
    assert hints.wait(103.4) == pytest.approx(0.6)
    assert list(hints.due(200)) == [1], "the last hint is not lost"
    assert hints.wait(200) is None
    assert GAP == 1


def test_hints_about_one_zone_do_not_hold_up_another():
    hints = Hints()
    hints.add(1, 100)
    assert list(hints.due(100)) == [1]
    hints.add(1, 100.1)
    hints.add(2, 100.1)
    assert list(hints.due(100.1)) == [2]


class Listening:
    """A listener in a thread; what it passed on, and when."""

    def __init__(self) -> None:
        self.port = free_port()
        self.asked: list[tuple[int, float]] = []
        self.trouble: Exception | None = None
        self.followed = True
        self.stopped = threading.Event()
        self.listener = NotifyListener("127.0.0.1", self.port, load=self.load, ask=self.ask)
        self.thread = threading.Thread(target=self.listener.run, args=(self.stopped.is_set,))

    def load(self) -> Known:
        if not self.followed:
            return Known({}, {})
        zone = NotifiedZone(7, frozenset({"127.0.0.1"}), frozenset())
        return Known({ZONE: [zone]}, {})

    def ask(self, zone: int) -> None:
        self.asked.append((zone, time.monotonic()))
        if self.trouble:
            raise self.trouble

    def send(self, wire: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(wire, ("127.0.0.1", self.port))


@contextmanager
def listening() -> Iterator[Listening]:
    place = Listening()
    place.thread.start()
    try:
        yield place
    finally:
        place.stopped.set()
        place.thread.join(5)
        place.listener.close()


@pytest.mark.parametrize("ask", [dns.query.udp, dns.query.tcp])
def test_a_notify_by_udp_and_by_tcp_is_answered_and_passed_on(ask):
    message = dns.message.from_wire(notify())
    with listening() as place:
        response = ask(message, "127.0.0.1", timeout=5, port=place.port)
        assert response.rcode() == dns.rcode.NOERROR
        wait_until(lambda: place.asked, "the hint", timeout=5)
    assert [zone for zone, _at in place.asked] == [7]


def test_a_zone_that_was_not_followed_a_moment_ago_is_believed_soon():
    message = dns.message.from_wire(notify())
    with listening() as place:
        place.followed = False
        refused = dns.query.udp(message, "127.0.0.1", timeout=5, port=place.port)
        assert refused.rcode() == dns.rcode.NOTAUTH
        place.followed = True
        time.sleep(KNOWN_AT_LEAST)
        response = dns.query.udp(message, "127.0.0.1", timeout=5, port=place.port)
        assert response.rcode() == dns.rcode.NOERROR


def test_a_flood_makes_one_hint_a_second_and_loses_no_last_one():
    with listening() as place:
        began = time.monotonic()
        for _ in range(500):
            place.send(notify())
        wait_until(lambda: len(place.asked) == 2, "the second hint", timeout=5)
        assert place.asked[1][1] - began >= GAP * 0.9


def test_junk_stalled_and_too_many_connections_do_not_stop_it():
    with listening() as place:
        place.send(b"junk")
        idle = [socket.create_connection(("127.0.0.1", place.port)) for _ in range(60)]
        idle[0].sendall(b"\xff\xff" + b"x" * 5000)
        place.send(notify())
        wait_until(lambda: place.asked, "the hint", timeout=5)
        for connection in idle:
            connection.close()
    assert CONNECTION_TIMEOUT <= 5


def test_an_error_while_passing_on_is_logged_and_the_next_hint_goes_on(caplog):
    with listening() as place:
        place.trouble = RuntimeError("no broker")
        place.send(notify())
        wait_until(lambda: len(place.asked) == 1, "the first hint", timeout=5)
        place.trouble = None
        place.send(notify())
        wait_until(lambda: len(place.asked) == 2, "the second hint", timeout=5)
    assert "zone 7 could not be asked about" in caplog.text
