"""The private name servers do what the tests that rely on them take for granted."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import dns.exception
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.tsig
import dns.xfr
import dns.zone
import pytest

from tests.real.bad_line import BadLine
from tests.real.messy_zones import (
    MessyZone,
    messy_forward_zone,
    messy_ipv6_zone,
    messy_reverse_zone,
    rfc2317_zones,
)
from tests.real.name_server_fixtures import KINDS, Serve
from tests.real.named import private_named
from tests.real.parts import require
from tests.real.processes import accepts, free_port, wait_until
from tests.real.zones import Key, Zone, is_lower, key_file
from tests.whitelist.registry.zones import hosts_of, zone_file

NAME = "ee.example.org"
KEY, OTHER = Key("transfer"), Key("other")
BODY = "".join(f"pc{number} A 192.0.2.{number}\n" for number in range(1, 201))
every_server = pytest.mark.parametrize("kind", KINDS)


def zone(body: str = BODY, **told: object) -> Zone:
    return Zone(NAME, body, **{"readers": (KEY,)} | told)  # type: ignore[arg-type]


def dig(port: int, question: str, key: Key | None = KEY, name: str = NAME) -> str:
    """What dig prints of a transfer; `question` is AXFR or IXFR=SERIAL."""
    signed = ["-y", f"{key.algorithm}:{key.name}:{key.secret}"] if key else []
    command = [require("dig", "bind9-dnsutils"), "@127.0.0.1", "-p", str(port), name, question]
    options = ["+tcp", "+nocomments", "+nostats", "+nocmd", "+nottl", "+tries=1", "+timeout=5"]
    done = subprocess.run([*command, *signed, *options], capture_output=True, check=False)
    return done.stdout.decode("ascii")


def serials(text: str) -> list[int]:
    """The serials of a transfer's SOA records, in their order."""
    lines = [line.split() for line in text.splitlines() if "\tSOA\t" in line]
    return [int(words[-5]) for words in lines]


def transfer(port: int, key: Key | None, *, name: str = NAME, timeout: float = 5) -> dns.zone.Zone:
    """A full transfer; raises what dnspython raises."""
    content = dns.zone.Zone(name)
    query, _ = dns.xfr.make_query(content, keyring=key.tsig() if key else None)
    dns.query.inbound_xfr("127.0.0.1", content, query, port=port, timeout=timeout)
    return content


@every_server
def test_a_zone_is_transferred_to_who_has_the_key(kind: str, serve: Serve) -> None:
    server = serve(kind, zone(), Zone("open.example.org", "pc1 A 192.0.2.1", 7, anyone=True))
    assert len(transfer(server.port, KEY).nodes) == 201
    assert serials(dig(server.port, "AXFR", None, "open.example.org")) == [7, 7]


# Who asks without a key; for what nobody may have; with another zone's key; for an unknown zone
REFUSALS = {
    "named": ["REFUSED", "REFUSED", "REFUSED", "NOTAUTH"],
    "knotd": ["NOTAUTH", "PeerBadKey", "PeerBadKey", "NOTAUTH"],
    "nsd": ["REFUSED", "REFUSED", "REFUSED", "NOTAUTH"],
}


@every_server
def test_a_zone_is_refused_for_the_right_reason(kind: str, serve: Serve) -> None:
    shut, other = Zone("shut.example.org"), Zone("other.example.org", readers=(OTHER,))
    port = serve(kind, zone(), shut, other).port
    asked = [(None, NAME), (KEY, shut.name), (OTHER, NAME), (KEY, "no.example.org")]
    assert [fault(port, key, name) for key, name in asked] == REFUSALS[kind]
    assert fault(port, Key(KEY.name), NAME) == "PeerBadSignature"
    assert fault(port, Key("stranger"), NAME) == "PeerBadKey"


def fault(port: int, key: Key | None, name: str) -> str:
    """Why a transfer fails: a response code, or the fault of the signature."""
    with pytest.raises((dns.xfr.TransferError, dns.tsig.PeerError)) as caught:
        transfer(port, key, name=name)
    error = caught.value
    if isinstance(error, dns.xfr.TransferError):
        return dns.rcode.to_text(error.rcode)
    return type(error).__name__


@every_server
def test_a_server_whose_clock_is_wrong_says_so(kind: str, serve: Serve) -> None:
    server = serve(kind, zone(), clock="-2h")
    with pytest.raises(dns.tsig.PeerBadTime):
        transfer(server.port, KEY)


@every_server
def test_a_new_serial_comes_as_a_difference(kind: str, serve: Serve) -> None:
    server = serve(kind, zone())
    assert server.load(NAME, BODY + "new A 192.0.2.250\n") == 2
    text = dig(server.port, "IXFR=1")
    assert serials(text) == [2, 1, 2, 2]
    assert len(text.splitlines()) == 5 + ("TSIG" in text)


@every_server
def test_without_history_a_new_serial_comes_in_full(kind: str, serve: Serve) -> None:
    server = serve(kind, zone(incremental=False))
    server.load(NAME, BODY + "new A 192.0.2.250\n")
    text = dig(server.port, "IXFR=1")
    assert serials(text) == [2, 2]
    assert "pc200." in text


@every_server
def test_a_lowered_serial_is_served(kind: str, serve: Serve) -> None:
    server = serve(kind, zone(serial=5))
    port = server.port
    server.load(NAME, "pc1 A 192.0.2.1", 3)
    assert (server.port, serials(dig(port, "AXFR"))) == (port, [3, 3])


@every_server
@pytest.mark.parametrize("key", [None, OTHER], ids=["plain", "signed"])
def test_a_new_serial_is_told(kind: str, key: Key | None, serve: Serve) -> None:
    port = free_port()
    transport = socket.SOCK_STREAM if kind == "knotd" else socket.SOCK_DGRAM
    server = serve(kind, zone(notify=(port,), notify_key=key))
    with socket.socket(socket.AF_INET, transport) as ear:
        ear.bind(("127.0.0.1", port))
        if kind == "knotd":
            ear.listen()
        ear.settimeout(5)
        server.load(NAME, "pc1 A 192.0.2.1")
        begin = time.monotonic()
        wire = heard(ear, transport)
        assert time.monotonic() - begin < 2
    message = dns.message.from_wire(wire, keyring=key.tsig() if key else None)
    assert (message.opcode(), str(message.question[0].name)) == (dns.opcode.NOTIFY, f"{NAME}.")
    assert message.had_tsig == bool(key)


def heard(ear: socket.socket, transport: socket.SocketKind) -> bytes:
    if transport == socket.SOCK_DGRAM:
        return ear.recv(4096)
    connection, _ = ear.accept()
    with connection:
        connection.settimeout(5)
        return connection.recv(4096)[2:]


@every_server
def test_a_server_goes_away_and_comes_back(kind: str, serve: Serve) -> None:
    server = serve(kind, zone())
    port = server.port
    server.pause()
    with pytest.raises(dns.exception.Timeout):
        transfer(port, KEY, timeout=0.3)
    server.resume()
    assert transfer(port, KEY)
    for end in (server.kill, server.stop):
        end()
        wait_until(lambda: not accepts(port), "nobody listens")
        with pytest.raises(ConnectionRefusedError):
            transfer(port, KEY)
        assert server.load(NAME, "pc1 A 192.0.2.1") == server.zones[0].serial
        server.start()
        assert serials(dig(port, "AXFR"))[0] == server.zones[0].serial


def test_two_views_of_one_name_are_told_apart_by_their_keys() -> None:
    inside = Zone(NAME, "pc1 A 192.0.2.1", 1, readers=(KEY,), view="inside")
    outside = Zone(NAME, "pc1 A 198.51.100.1", 5, readers=(OTHER,), view="outside")
    everybody = Zone(NAME, "www A 203.0.113.1", 9, anyone=True)
    with private_named(everybody, inside, outside) as server:
        for key, address in [(KEY, "192.0.2.1"), (OTHER, "198.51.100.1"), (None, "203.0.113.1")]:
            assert f"\t{address}\n" in dig(server.port, "AXFR", key)
        assert server.load(NAME, "pc2 A 198.51.100.2", view="outside") == 6
        assert "198.51.100.2" in dig(server.port, "AXFR", OTHER)
        assert "192.0.2.1" in dig(server.port, "AXFR", KEY)


def test_a_zone_that_cannot_be_loaded_is_not_waited_for() -> None:
    broken = Zone("broken.example.org", "pc1 A 300.1.1.1", readers=(KEY,), served=False)
    with private_named(zone(), broken) as server:
        assert server.serves(server.zones[0])
        with pytest.raises(dns.xfr.TransferError, match="SERVFAIL"):
            transfer(server.port, KEY, name=broken.name)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "torn"])
def test_a_line_breaks_in_the_middle(reset: bool, serve: Serve) -> None:
    server = serve("named", zone())
    with BadLine(server.port, reset=reset) as line:
        assert len(transfer(line.port, KEY).nodes) == 201
        line.cut_after = line.passed // 2
        with pytest.raises((EOFError, ConnectionResetError)):
            transfer(line.port, KEY)
        assert line.passed == line.cut_after
        query = dns.message.make_query(NAME, "SOA")
        assert dns.query.udp(query, "127.0.0.1", port=line.port, timeout=2).answer


def test_a_line_falls_silent_in_the_middle(serve: Serve) -> None:
    server = serve("named", zone())
    with BadLine(server.port, stall_after=1000) as line:
        with pytest.raises(dns.exception.Timeout):
            transfer(line.port, KEY, timeout=0.5)
        assert line.passed == 1000


MESSY = [messy_forward_zone(), messy_reverse_zone(), messy_ipv6_zone(), *rfc2317_zones()]


@every_server
@pytest.mark.parametrize("messy", MESSY, ids=lambda messy: messy.name)
def test_a_messy_zone_comes_to_what_its_table_says(
    kind: str, messy: MessyZone, serve: Serve
) -> None:
    if kind != "named":
        messy = messy.for_every_server()
    server = serve(kind, Zone(messy.name, messy.body(), readers=(KEY,)))
    text = dig(server.port, "AXFR", name=messy.name)
    read = zone_file("".join(f"{line}\n" for line in text.splitlines() if "TSIG" not in line))
    assert hosts_of(read) == messy.hosts
    assert Counter(reason.name for reason in read.left_out.elements()) == messy.left_out


def test_keys_are_written_as_bind_includes_them(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(key_file(KEY, Key("sha512", algorithm="hmac-sha512")))
    check = require("named-checkconf", "bind9-utils")
    subprocess.run([check, tmp_path / "keys"], check=True)


@pytest.mark.parametrize(
    ("serial", "than", "lower"),
    [(1, 2, True), (2, 1, False), (1, 1, False), (2**32 - 1, 0, True), (0, 2**32 - 1, False)],
)
def test_serials_are_compared_in_a_circle(serial: int, than: int, lower: bool) -> None:
    assert is_lower(serial, than) == lower


KILLED = """
import os
from tests.real.name_server_fixtures import KINDS
from tests.real.zones import Zone
with KINDS[{kind!r}](Zone("ee.example.org")) as server:
    print(server.port, server.folder, flush=True)
    os.kill(os.getpid(), 9)
"""


@every_server
def test_a_server_ends_with_a_test_that_is_killed(kind: str) -> None:
    command = [sys.executable, "-c", KILLED.format(kind=kind)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    port, folder = done.stdout.split()
    try:
        wait_until(lambda: not accepts(int(port)), f"{kind} is gone")
    finally:
        shutil.rmtree(folder)
