"""A real name server understands why its signed NOTIFY was not believed, and logs the reason."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.tsig
import pytest

from tests.real.knotd import private_knotd
from tests.real.name_servers import HOST
from tests.real.processes import free_port, wait_until
from tests.real.zones import Key, Zone
from whitelist.registry.following.notify import Known, NotifiedZone
from whitelist.registry.following.notify_listener import NotifyListener

NAME = "ee.example.org"
KEY = Key("transfer")
OURS = KEY.tsig()
OTHER_SECRET = dns.tsig.Key(OURS.name, b"y" * 32, OURS.algorithm)
SAID = re.compile(r"notify, outgoing, .*server responded with error '(\w+)'")


@contextmanager
def listening(port: int, known: Known) -> Iterator[list[int]]:
    """A listener in a thread; the rows of the zones that it was notified about."""
    asked: list[int] = []
    stopped = threading.Event()
    listener = NotifyListener(HOST, port, load=lambda: known, ask=asked.append)
    thread = threading.Thread(target=listener.run, args=(stopped.is_set,))
    thread.start()
    try:
        yield asked
    finally:
        stopped.set()
        thread.join(5)
        listener.close()


@pytest.mark.parametrize(
    ("keys", "clock", "error"),
    [
        pytest.param({}, "", "BADKEY", id="unknown key"),
        pytest.param({OURS.name: OTHER_SECRET}, "", "BADSIG", id="wrong secret"),
        pytest.param({OURS.name: OURS}, "-1h", "BADTIME", id="wrong clock"),
    ],
)
def test_knot_logs_what_is_wrong_with_its_signature(keys, clock, error):
    port = free_port()
    known = Known({NAME: [NotifiedZone(1, frozenset(), frozenset({KEY.name}))]}, keys)
    zone = Zone(NAME, "pc1 A 192.0.2.1", readers=(KEY,), notify=(port,), notify_key=KEY)
    with listening(port, known) as asked, private_knotd(zone, clock=clock) as server:
        server.load(NAME, "pc2 A 192.0.2.2")
        wait_until(lambda: SAID.search((server.folder / "log").read_text()), "what it says")
        assert set(SAID.findall((server.folder / "log").read_text())) == {error}
    assert asked == []
