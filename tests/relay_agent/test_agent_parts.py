"""What an agent does beside tables: other formats, counting, a reserve, figures."""

from __future__ import annotations

import resource
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from relay_agent.chores import Chore, Mirror
from relay_agent.config import read_config
from relay_agent.counted import Counted, Counts
from relay_agent.holding import Holding
from relay_agent.journal import notify
from relay_agent.lmdb_table import read_lmdb
from relay_agent.metrics import Figure, render
from relay_agent.reserve import LEAST, Reserve, is_full
from relay_agent.running import STUCK_SECONDS, Agent
from relay_agent.snapshot import Limits, Snapshot
from relay_agent.state import State
from relay_agent.text import Records, to_records
from tests.relay_agent.centre import KEY, prepare, signed
from tests.relay_agent.clocks import Clocks
from tests.relay_agent.tools import LMDB, entries


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def holding(tmp_path: Path, clocks: Clocks) -> Holding:
    config = read_config(prepare(tmp_path, "http://127.0.0.1:1"))
    return Holding(config, State(config.state, "boot"), clocks)


def take(holding: Holding, clocks: Clocks, lasts: dict[str, int], serial: int = 1) -> None:
    """A snapshot with these addresses, each ending in so many seconds."""
    now = int(clocks.wall)
    records: Records = {}
    for address, seconds in lasts.items():
        records |= to_records(entries(address, expiry=now + seconds))
    holding.take(signed(Snapshot("s", serial, now, now + 900, Limits(), records), KEY))


@dataclass
class Written:
    """What a format's file came to hold, one after another."""

    contents: list[list[str]] = field(default_factory=list)
    fault: Exception | None = None

    def __call__(self, records: Records, _now: float) -> None:
        if self.fault is not None:
            raise self.fault
        self.contents.append([key.decode() for key in records])


def test_another_format_follows_installations_lapses_and_not_after(
    holding: Holding, clocks: Clocks
) -> None:
    written = Written()
    mirror = Mirror(holding, written)
    mirror.look()
    take(holding, clocks, {"10.0.0.1": 60, "10.0.0.2": 3600})
    for seconds in (0, 59.9, 0.1, 0, 839.9, 0.1):
        clocks.advance(seconds)
        mirror.look()
    assert written.contents == [[], ["10.0.0.1", "10.0.0.2"], ["10.0.0.2"], []]


def test_a_format_that_could_not_be_written_is_written_at_the_next_look(
    holding: Holding, clocks: Clocks
) -> None:
    written = Written(fault=OSError("no"))
    mirror = Mirror(holding, written)
    take(holding, clocks, {"10.0.0.1": 60})
    with pytest.raises(OSError, match="no"):
        mirror.look()
    written.fault = None
    mirror.look()
    assert written.contents == [["10.0.0.1"]]


def test_a_chore_that_fails_says_so_once_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    written = Written(fault=OSError("no room"))
    chore = Chore("formats", lambda: written({}, 0.0), 1.0)
    for _ in range(3):
        chore.do()
    assert caplog.messages == ["formats: no room"]
    written.fault = None
    chore.do()
    assert written.contents == [[]]


@dataclass
class Sending:
    """What was sent, and who is exempt."""

    totals: dict[str, Counts] = field(default_factory=dict)
    records: Records = field(default_factory=dict)

    def exempt(self, *addresses: str, expiry: int = 4_000_000_000) -> None:
        self.records = to_records(entries(*addresses, expiry=expiry))

    def send(self, address: str, recipients: int) -> None:
        messages, before, bounced = self.totals.get(address, (0, 0, 0))
        self.totals[address] = messages + 1, before + recipients, bounced


def told(counted: Counted) -> list[tuple[Any, ...]]:
    rows = counted.rows()
    counted.arrived(rows)
    return [(row["address"], row["messages"], row["recipients"], row["bounced"]) for row in rows]


def test_what_was_sent_is_told_in_sum_and_only_when_it_rose() -> None:
    sending = Sending()
    counted = Counted(lambda: sending.totals, lambda: sending.records)
    sending.exempt("10.0.0.1")
    assert told(counted) == []
    sending.send("10.0.0.1", 20)
    assert told(counted) == [("10.0.0.1", 1, 20, 0)]
    assert told(counted) == []
    sending.send("10.0.0.1", 3)
    assert told(counted) == [("10.0.0.1", 2, 23, 0)]


def test_what_did_not_arrive_is_told_again() -> None:
    sending = Sending(totals={"10.0.0.1": (1, 2, 0)})
    sending.exempt("10.0.0.1")
    counted = Counted(lambda: sending.totals, lambda: sending.records)
    assert counted.rows() == counted.rows() != []


def test_who_was_never_exempt_is_not_told() -> None:
    sending = Sending(totals={"10.0.0.9": (1, 2, 0)})
    assert told(Counted(lambda: sending.totals, lambda: sending.records)) == []


def test_a_new_entry_after_a_gap_starts_from_nothing_and_an_extension_does_not() -> None:
    sending = Sending()
    counted = Counted(lambda: sending.totals, lambda: sending.records)
    sending.exempt("10.0.0.1", expiry=1000)
    sending.send("10.0.0.1", 5)
    assert told(counted) == [("10.0.0.1", 1, 5, 0)]
    sending.exempt("10.0.0.1", expiry=2000)
    sending.send("10.0.0.1", 5)
    (row,) = counted.rows()
    assert (row["expires"], row["recipients"]) == (2000, 10)
    counted.arrived([row])
    sending.exempt()
    sending.send("10.0.0.1", 1)
    assert told(counted) == [("10.0.0.1", 3, 11, 0)], "what left the queue late"
    sending.exempt("10.0.0.1", expiry=3000)
    sending.send("10.0.0.1", 7)
    (row,) = counted.rows()
    assert (row["expires"], row["messages"], row["recipients"]) == (3000, 1, 7)


def test_a_table_to_be_put_right_is_not_left_until_the_service_is_asked_again(
    tmp_path: Path, clocks: Clocks
) -> None:
    agent = Agent(read_config(prepare(tmp_path, "http://127.0.0.1:1")), "token", clocks)
    take(agent.holding, clocks, {"10.0.0.1": 60})
    agent.keeper.look()
    assert not agent.follower.wake.is_set()
    (tmp_path / "map" / LMDB).unlink()
    agent.keeper.look()
    assert agent.follower.wake.is_set()
    agent.follower.step()
    assert list(map(str, read_lmdb(tmp_path / "map" / LMDB))) == ["10.0.0.1"]


def test_a_reserve_is_kept_given_up_once_and_made_again(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    reserve.keep()
    assert (tmp_path / ".reserve").stat().st_size == LEAST
    assert [reserve.give_up(), reserve.give_up()] == [True, False]
    (tmp_path / "smtp_whitelist.lmdb").write_bytes(b"x" * LEAST)
    reserve.keep()
    assert (tmp_path / ".reserve").stat().st_size == 2 * LEAST


@pytest.mark.parametrize(("before", "after"), [(0, []), (LEAST, [LEAST])], ids=["none", "less"])
def test_a_reserve_that_could_not_be_made_leaves_what_there_was(
    tmp_path: Path, before: int, after: list[int]
) -> None:
    reserve, path = Reserve(tmp_path), tmp_path / ".reserve"
    if before:
        reserve.keep()
    (tmp_path / "smtp_whitelist.lmdb").write_bytes(b"x" * LEAST)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LEAST, limits[1]))
    try:
        reserve.keep()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [found.stat().st_size for found in [path] if found.exists()] == after


def test_a_reserve_takes_no_room_that_others_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = SimpleNamespace(free=2 * LEAST)
    monkeypatch.setattr("relay_agent.reserve.shutil.disk_usage", lambda _: little)
    Reserve(tmp_path).keep()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(28, "No space left on device"), True),
        (RuntimeError("mdb_txn_commit: No space left on device"), True),
        (OSError(122, "Disk quota exceeded"), True),
        (OSError(13, "Permission denied"), False),
    ],
    ids=str,
)
def test_a_full_disk_is_told_from_other_faults(error: Exception, full: bool) -> None:
    assert is_full(error) is full


def test_figures_are_rendered_as_prometheus_reads_them() -> None:
    found = {
        "serial": Figure("gauge", "Serial.", 1_764_000_000),
        "offset_seconds": Figure("gauge", "Offset.", -0.25),
        "unknown": Figure("gauge", "Nothing yet.", None),
    }
    assert render(found) == (
        b"# HELP smtp_whitelist_agent_serial Serial.\n"
        b"# TYPE smtp_whitelist_agent_serial gauge\n"
        b"smtp_whitelist_agent_serial 1764000000\n"
        b"# HELP smtp_whitelist_agent_offset_seconds Offset.\n"
        b"# TYPE smtp_whitelist_agent_offset_seconds gauge\n"
        b"smtp_whitelist_agent_offset_seconds -0.25\n"
    )


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_without_systemd_nothing_is_told_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


def test_a_follower_that_is_stuck_withholds_the_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = Agent(read_config(prepare(tmp_path, "http://127.0.0.1:1")), "token")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        agent.follower.beat = time.monotonic() - STUCK_SECONDS
        agent._watchdog()
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
        agent.follower.beat = time.monotonic()
        agent._watchdog()
        agent._watchdog()
        assert systemd.recv(100) == b"WATCHDOG=1"
        with pytest.raises(BlockingIOError):
            systemd.recv(100)  # once a second is enough
