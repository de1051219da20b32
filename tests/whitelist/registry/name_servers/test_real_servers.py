"""BIND, Knot and NSD as they are: what the scripted servers of the other tests pretend to be."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache

import pytest

from tests.real.name_server_fixtures import Serve, serve, serve_for_module  # noqa: F401 -- fixtures
from tests.real.name_servers import NameServer
from tests.real.processes import wait_until
from tests.real.zones import Key, Zone, key_file
from whitelist.registry.name_servers.faults import Fault, NameServerError
from whitelist.registry.name_servers.keys import read_keys
from whitelist.registry.name_servers.query import ask_records, ask_soa
from whitelist.registry.name_servers.server import Server
from whitelist.registry.name_servers.transfer import Transfer, TransferKind, fetch

NAME = "88.114.140.in-addr.arpa"
KEY = Key("xfr.campus")
CHILD = "0/27 NS ns1.chem\n1 CNAME 1.0/27\n"
BODY = CHILD + "".join(f"{n} PTR Lab{n}.EE.nthu.edu.tw.\n" for n in range(32, 232))
every_server = pytest.mark.parametrize("kind", ["named", "knotd", "nsd"])


def our_server(port: int, key: Key | None = KEY) -> Server:
    keys = read_keys(key_file(key)) if key else {}
    return Server("127.0.0.1", port, keys[key.name] if key else None)


def fetched(
    server: Server, zone: str = NAME, serial: int | None = None
) -> AbstractContextManager[Transfer]:
    return fetch(server, zone, serial=serial, deadline=10, stall=5, most_bytes=1_000_000)


def load(server: NameServer, body: str) -> None:
    """NSD answers over TCP from its old process for a moment after UDP has the new zone."""
    serial = server.load(NAME, body)
    wait_until(lambda: transferred_serial(our_server(server.port)) == serial, f"serial {serial}")


def transferred_serial(server: Server) -> int:
    with fetched(server) as transfer:
        return transfer.soa.serial


@pytest.fixture(scope="module")
def running(serve_for_module: Serve) -> Callable[[str], NameServer]:  # noqa: F811
    """One server of each kind for those tests that leave it as it is."""
    return lru_cache(lambda kind: serve_for_module(kind, Zone(NAME, BODY, readers=(KEY,))))


@every_server
def test_a_zone_is_fetched_in_full_in_part_and_not_at_all(kind: str, serve: Serve) -> None:  # noqa: F811
    named = serve(kind, Zone(NAME, BODY, readers=(KEY,)))
    server = our_server(named.port)
    assert ask_soa(server, NAME, timeout=5).serial == 1
    with fetched(server) as transfer:
        hosts = [record for record in transfer.records() if record.type == "PTR"]
    assert (transfer.kind, transfer.soa.serial, len(hosts)) == (TransferKind.FULL, 1, 200)
    assert (f"32.{NAME}", "PTR", "lab32.ee.nthu.edu.tw") in hosts
    assert transfer.cuts == {f"0/27.{NAME}"}

    load(named, BODY + "240 PTR new.ee.nthu.edu.tw.\n")
    with fetched(server, serial=1) as transfer:
        changes = [(added, record.data) for added, record in transfer.changes()]
    assert (transfer.kind, transfer.old_serial) == (TransferKind.INCREMENTAL, 1)
    assert changes == [(True, "new.ee.nthu.edu.tw")]

    for serial in (2, 5):
        with fetched(server, serial=serial) as transfer:
            assert (transfer.kind, transfer.soa.serial) == (TransferKind.UNCHANGED, 2)


@every_server
def test_without_history_all_of_it_comes(kind: str, serve: Serve) -> None:  # noqa: F811
    named = serve(kind, Zone(NAME, BODY, readers=(KEY,), incremental=False))
    load(named, BODY)
    with fetched(our_server(named.port), serial=1) as transfer:
        assert (transfer.kind, transfer.soa.serial) == (TransferKind.FULL, 2)


@every_server
def test_records_are_looked_up_one_at_a_time(kind: str, running) -> None:
    server = our_server(running(kind).port, None)
    assert ask_records(server, f"32.{NAME}", "PTR", timeout=5) == ["lab32.ee.nthu.edu.tw"]
    assert ask_records(server, f"250.{NAME}", "PTR", timeout=5) == []
    assert ask_records(server, f"32.{NAME}", "A", timeout=5) == []
    for delegated in (f"1.{NAME}", f"5.0/27.{NAME}"):
        with pytest.raises(NameServerError) as caught:
            ask_records(server, delegated, "PTR", timeout=5)
        assert caught.value.fault == Fault.NOT_SERVED


@every_server
@pytest.mark.parametrize(
    ("key", "zone", "faults"),
    [
        (None, NAME, {Fault.REFUSED, Fault.NOT_SERVED}),  # Knot says NOTAUTH
        (Key("xfr.campus"), NAME, {Fault.WRONG_KEY}),
        (Key("stranger"), NAME, {Fault.WRONG_KEY}),
        (
            Key("xfr.campus", KEY.secret, "hmac-sha512"),
            NAME,
            {Fault.WRONG_KEY, Fault.REFUSED},  # NSD knows the key, and refuses
        ),
        (KEY, "no.example.org", {Fault.NOT_SERVED}),
    ],
)
def test_a_refusal_is_told_apart(running, kind, key, zone, faults) -> None:
    server = our_server(running(kind).port, key)
    for serial in (None, 1):
        with pytest.raises(NameServerError) as caught, fetched(server, zone, serial):
            pytest.fail("nothing may be handed on")
        assert caught.value.fault in faults


@every_server
def test_a_server_whose_clock_is_wrong_says_so(kind: str, serve: Serve) -> None:  # noqa: F811
    server = our_server(serve(kind, Zone(NAME, BODY, readers=(KEY,)), clock="-2h").port)
    with pytest.raises(NameServerError, match=r"-7(199|2\d\d) s") as caught, fetched(server):
        pytest.fail("nothing may be handed on")
    assert caught.value.fault == Fault.CLOCK
