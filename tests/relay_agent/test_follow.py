"""What the service sends is followed; what must not be installed changes nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relay_agent.config import read_config
from relay_agent.feed import Feed
from relay_agent.follow import LONGEST_WAIT, REPORT_AGAIN, REPORT_EVERY, Follower, backoff, fitting
from relay_agent.holding import Holding
from relay_agent.install import install
from relay_agent.keeper import Keeper
from relay_agent.lmdb_table import read_lmdb
from relay_agent.state import State
from relay_agent.text import IPAddress, digest, to_records
from tests.relay_agent.centre import (
    LIFETIME,
    OTHER_KEY,
    SERVICE,
    TOKEN,
    Centre,
    centre,
    prepare,
    signed,
    snapshot,
)
from tests.relay_agent.clocks import Clocks
from tests.relay_agent.tools import LMDB, entries


@dataclass
class Relay:
    """An agent's parts without its threads, on clocks that the test sets."""

    folder: Path
    service: Centre
    clocks: Clocks
    boot_id: str = "this boot"
    options: dict[str, str] | None = None

    def __post_init__(self) -> None:
        config = read_config(prepare(self.folder, self.service.url, **(self.options or {})))
        state = State(self.folder / "state", self.boot_id)
        self.holding = Holding(config, state, self.clocks)
        feed = Feed(self.service.url, TOKEN, boot=lambda: self.clocks.boot)
        self.follower = Follower(self.holding, feed, "abcdef0123456789")
        self.keeper = Keeper(
            config.tables,
            config.types,
            self.holding.clocks,
            self.holding.deadlines,
            read=self.holding.table_was_read,
        )
        self.holding.load()
        self.holding.install()

    @property
    def exempt(self) -> dict[IPAddress, int]:
        self.keeper.look()
        return read_lmdb(self.folder / "map" / LMDB)

    def restarted(self, **changes: Any) -> Relay:
        """The same relay after the agent was killed: only its files are left."""
        self.follower.feed.close()
        return Relay(self.folder, self.service, self.clocks, options=self.options, **changes)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def service(clocks: Clocks) -> Iterator[Centre]:
    """Its own clock is right, whatever the relay's wall clock does."""
    start = clocks.wall - clocks.boot
    with centre() as found:
        found.time = lambda: start + clocks.boot
        yield found


@pytest.fixture
def relay(tmp_path: Path, service: Centre, clocks: Clocks) -> Relay:
    return Relay(tmp_path, service, clocks)


def soon(clocks: Clocks, *addresses: str, seconds: int = 3600) -> dict[IPAddress, int]:
    return entries(*(addresses or ("10.0.0.1",)), expiry=int(clocks.wall) + seconds)


def issue(relay: Relay, wanted: dict[IPAddress, int], serial: int = 1, **how: Any) -> None:
    """The service issues this, by its own clock."""
    how.setdefault("issued_at", int(relay.service.time()))
    relay.service.serve(snapshot(wanted, serial, **how))


def test_what_the_service_vouches_for_is_installed_and_reported_at_once(
    relay: Relay, clocks: Clocks
) -> None:
    wanted = soon(clocks, "10.0.0.1", "2001:db8::1")
    issue(relay, wanted, serial=7)
    relay.follower.step()
    assert relay.exempt == wanted
    (report,) = relay.service.reports
    assert report == {
        "serial": 7,
        "digest": digest(to_records(wanted)),
        "issued_at": int(clocks.wall),
        "version": "1.0",
        "boot_seconds": clocks.boot,
        "time": clocks.wall,
        "error": "",
        "run": "abcdef0123456789",
        "sent": [],
    }


def test_a_change_and_a_removal_follow_with_the_next_poll(relay: Relay, clocks: Clocks) -> None:
    for serial, addresses in enumerate([["10.0.0.1"], ["10.0.0.1", "10.0.0.2"], ["10.0.0.2"]], 1):
        wanted = soon(clocks, *addresses)
        issue(relay, wanted, serial)
        relay.follower.step()
        assert relay.exempt == wanted
    assert [report["serial"] for report in relay.service.reports] == [1, 2, 3]


def test_what_did_not_change_is_asked_for_by_its_etag_and_not_reported_anew(
    relay: Relay, clocks: Clocks
) -> None:
    issue(relay, soon(clocks))
    for _ in range(3):
        relay.follower.step()
    assert relay.service.polls == ["", relay.service.etag, relay.service.etag]
    assert len(relay.service.reports) == 1


def test_every_ten_seconds_it_reports_all_the_same(
    relay: Relay, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(relay, soon(clocks))
    relay.follower.step()
    now = time.monotonic()
    monkeypatch.setattr("relay_agent.follow.time.monotonic", lambda: now + REPORT_EVERY)
    relay.follower.step()
    assert len(relay.service.reports) == 2


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (lambda data: data[:-1], "signature by the key 'k1' does not hold"),
        (lambda data: data.replace(b"10.0.0.2", b"10.0.0.3"), "signature by the key"),
        (lambda data: data.replace(b" k1 ", b" k9 "), "'k9', which is none of ours"),
        (lambda _: b"", "does not begin as a snapshot"),
        (lambda _: b"<html>Log in to the network</html>", "does not begin as a snapshot"),
        (lambda data: signed(snapshot(serial=2), OTHER_KEY), "signature by the key"),
    ],
    ids=["cut", "altered", "other key id", "empty", "a captive portal", "another key"],
)
def test_what_is_not_rightly_signed_changes_nothing_and_is_reported(
    relay: Relay, clocks: Clocks, spoilt: Any, reason: str
) -> None:
    issue(relay, soon(clocks))
    relay.follower.step()
    issue(relay, soon(clocks, "10.0.0.2"), serial=2)
    relay.service.spoil = spoilt
    relay.follower.step()
    assert relay.exempt == soon(clocks)
    assert "the snapshot was refused" in relay.service.reports[-1]["error"]
    assert reason in relay.service.reports[-1]["error"]
    assert relay.service.reports[-1]["serial"] == 1
    relay.service.spoil = bytes
    relay.follower.step()
    assert relay.exempt == soon(clocks, "10.0.0.2")


@pytest.mark.parametrize(
    ("serial", "seconds"), [(4, 0), (4, 60), (5, -1)], ids=["serial", "serial, later", "issue"]
)
def test_an_older_snapshot_is_refused_though_rightly_signed(
    relay: Relay, clocks: Clocks, serial: int, seconds: int
) -> None:
    issue(relay, soon(clocks), serial=5)
    relay.follower.step()
    issued = int(clocks.wall) + seconds
    issue(relay, soon(clocks, "10.0.0.2"), serial=serial, issued_at=issued)
    relay.follower.step()
    assert relay.exempt == soon(clocks)
    assert "it is older than the one in force: serial" in relay.service.reports[-1]["error"]
    assert "it is older" in relay.follower.problem


def test_and_also_after_a_restart(relay: Relay, clocks: Clocks) -> None:
    issue(relay, soon(clocks), serial=5)
    relay.follower.step()
    relay = relay.restarted()
    issue(relay, soon(clocks, "10.0.0.2"), serial=4)
    relay.follower.step()
    assert relay.exempt == soon(clocks)


def test_a_service_put_back_to_a_backup_is_followed_once_what_it_said_before_is_over(
    relay: Relay, clocks: Clocks
) -> None:
    issue(relay, soon(clocks), serial=5)
    relay.follower.step()
    clocks.advance(LIFETIME + 1)
    issue(relay, soon(clocks, "10.0.0.2"), serial=3)
    relay.follower.step()
    assert relay.exempt == soon(clocks, "10.0.0.2")


@pytest.mark.parametrize(("pinned", "taken"), [("", True), (SERVICE, False)])
def test_another_service_is_refused_where_one_is_pinned(
    tmp_path: Path, service: Centre, clocks: Clocks, pinned: str, taken: bool
) -> None:
    relay = Relay(tmp_path, service, clocks, options={"service": f"pinned = {pinned}"})
    issue(relay, soon(clocks), service="https://other.example")
    relay.follower.step()
    assert bool(relay.exempt) is taken


def test_the_same_snapshot_once_more_changes_nothing_and_a_newer_issue_renews_not_after(
    relay: Relay, clocks: Clocks
) -> None:
    wanted = soon(clocks)
    issue(relay, wanted)
    relay.follower.step()
    seen = (relay.folder / "map" / LMDB).stat().st_mtime_ns
    clocks.advance(LIFETIME - 1)
    relay.service.etag = '"again"'
    relay.follower.step()
    assert relay.holding.deadlines.valid_until.wall == clocks.wall + 1
    issue(relay, wanted)
    relay.follower.step()
    assert relay.holding.deadlines.valid_until.wall == clocks.wall + LIFETIME
    clocks.advance(LIFETIME - 1)
    assert relay.exempt == wanted
    assert (relay.folder / "map" / LMDB).stat().st_mtime_ns == seen, "never touched"


def test_with_the_centre_dead_everything_goes_at_not_after_and_not_before(
    relay: Relay, clocks: Clocks
) -> None:
    issue(relay, soon(clocks))
    relay.follower.step()
    relay.service.stop()
    clocks.advance(LIFETIME - 0.01)
    relay.follower.step()
    assert len(relay.exempt) == 1
    clocks.advance(0.01)
    assert relay.exempt == {}
    assert not relay.holding.lasts(b"10.0.0.1", b"%d" % (int(clocks.wall) + 99))


def test_a_network_that_is_cut_takes_nothing_away_and_what_changed_follows_when_it_is_back(
    relay: Relay, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = soon(clocks)
    issue(relay, first)
    relay.follower.step()
    relay.service.stop()
    for _ in range(3):
        clocks.advance(10)
        relay.follower.step()
    assert relay.exempt == first
    assert len([line for line in caplog.messages if "not reached" in line]) == 1, "said once"
    issue(relay, soon(clocks, "10.0.0.2"), serial=2)
    relay.service.start()
    relay.follower.step()
    assert relay.exempt == soon(clocks, "10.0.0.2")
    assert "the service was not reached" in relay.service.reports[-1]["error"]
    relay.follower.report_now = True
    relay.follower.step()
    assert relay.service.reports[-1]["error"] == ""


SHIFTS = [-31_536_000, -3600, -1, 0, 1, 3600, 31_536_000]
NAMES = ["a year back", "an hour back", "1 s back", "none", "1 s ahead", "1 h ahead", "1 y ahead"]


@pytest.mark.parametrize("shift", SHIFTS, ids=NAMES)
@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_a_wall_clock_that_is_moved_lengthens_nothing(
    relay: Relay, clocks: Clocks, shift: int, restart: bool
) -> None:
    issue(relay, soon(clocks, seconds=60))
    relay.follower.step()
    clocks.wall += shift
    relay.service.stop()
    if restart:
        relay = relay.restarted()
    clocks.advance(58.5)
    assert bool(relay.exempt) is (shift <= 1), "one that is far ahead ends entries early"
    clocks.advance(1.5)
    assert relay.exempt == {}


@pytest.mark.parametrize("shift", SHIFTS, ids=NAMES)
def test_a_wall_clock_that_was_wrong_from_the_start_lengthens_nothing(
    relay: Relay, clocks: Clocks, shift: int, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = soon(clocks, seconds=60)
    clocks.wall += shift
    issue(relay, wanted)
    relay.follower.step()
    clocks.advance(59)
    assert bool(relay.exempt) is (shift <= 0), "one that is ahead ends entries early"
    clocks.advance(1)
    assert relay.exempt == {}
    assert relay.service.reports[0]["time"] == clocks.wall - 60, "and the report tells"
    relay.follower.step()
    assert caplog.text.count("this clock is") == (abs(shift) > 1), "and the log, once"


@pytest.mark.parametrize("shift", SHIFTS[:4], ids=NAMES[:4])
def test_a_machine_that_booted_with_a_late_clock_believes_what_it_heard_before(
    relay: Relay, clocks: Clocks, shift: int
) -> None:
    issue(relay, soon(clocks, seconds=60))
    relay.follower.step()
    relay.service.stop()
    clocks.boot = 0.0
    clocks.wall += shift
    relay = relay.restarted(boot_id="next boot")
    assert relay.exempt
    clocks.advance(60)
    assert relay.exempt == {}


def test_restarted_just_before_an_expiry_it_is_not_given_a_second_more(
    relay: Relay, clocks: Clocks
) -> None:
    wanted = soon(clocks, seconds=60) | soon(clocks, "10.0.0.2", seconds=120)
    issue(relay, wanted)
    relay.follower.step()
    relay.service.stop()
    clocks.advance(59.9)
    relay = relay.restarted()
    assert relay.exempt == wanted
    clocks.advance(0.1)
    assert list(map(str, relay.exempt)) == ["10.0.0.2"]
    relay = relay.restarted()
    assert list(map(str, relay.exempt)) == ["10.0.0.2"]


def test_nor_more_than_until_not_after(relay: Relay, clocks: Clocks) -> None:
    issue(relay, soon(clocks))
    relay.follower.step()
    relay.service.stop()
    clocks.advance(LIFETIME - 1)
    relay = relay.restarted()
    assert relay.exempt
    clocks.advance(1)
    assert relay.exempt == {}
    assert relay.restarted().exempt == {}


@pytest.mark.parametrize("content", [b"", b"garbage", signed(snapshot(), OTHER_KEY)])
def test_a_stored_snapshot_is_verified_again(
    relay: Relay, clocks: Clocks, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    issue(relay, soon(clocks))
    relay.follower.step()
    (relay.folder / "state" / "snapshot").write_bytes(content)
    relay = relay.restarted()
    assert relay.exempt == {}, "what the table held is vouched for by nobody"
    assert "the stored snapshot is not used" in caplog.text
    relay.follower.step()
    assert relay.exempt == soon(clocks)


@pytest.mark.parametrize("how", ["deleted", "garbage", "emptied", "an entry more"])
def test_a_table_changed_under_its_feet_is_put_right(
    relay: Relay, clocks: Clocks, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    wanted, path = soon(clocks, "10.0.0.1", "10.0.0.2"), relay.folder / "map" / LMDB
    issue(relay, wanted)
    relay.follower.step()
    assert relay.exempt == wanted
    if how == "deleted":
        path.unlink()
    elif how == "garbage":
        path.unlink()
        path.write_bytes(b"garbage" * 999)
    else:
        install(path.parent, ["lmdb"], soon(clocks, "6.6.6.6") if "more" in how else {})
    assert relay.exempt != wanted
    relay.follower.step()
    assert relay.exempt == wanted
    assert "it was put right" in caplog.text


def test_what_lapses_is_not_taken_for_a_table_that_somebody_changed(
    relay: Relay, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    issue(relay, soon(clocks, seconds=5) | soon(clocks, "10.0.0.2"))
    relay.follower.step()
    assert len(relay.exempt) == 2
    clocks.advance(5)
    left = soon(clocks, "10.0.0.2", seconds=3595)
    assert relay.exempt == left
    assert not relay.holding.put_right.is_set()
    assert relay.holding.installed.digest == digest(to_records(left))


@pytest.mark.parametrize("failures", range(1, 40))
@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_backing_off_has_its_bounds(failures: int, chance: float) -> None:
    for poll_seconds in (0.1, 1.0, 30.0):
        pause = backoff(failures, poll_seconds, chance)
        assert min(poll_seconds, 15.0) <= pause <= LONGEST_WAIT


def test_it_backs_off_while_it_fails_and_comes_back_at_once(relay: Relay, clocks: Clocks) -> None:
    issue(relay, soon(clocks))
    assert relay.follower.step() <= 0.1
    relay.service.status = 503
    pauses = [relay.follower.step() for _ in range(6)]
    assert 3.2 <= pauses[5] <= 6.4
    assert all(0.1 <= pause <= 6.4 for pause in pauses)
    relay.service.status = 200
    assert relay.follower.step() <= 0.1
    assert relay.follower.errors == 6


def test_a_report_that_does_not_arrive_takes_nothing_away(
    relay: Relay, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    issue(relay, soon(clocks))
    relay.service.report_status = 503
    relay.follower.step()
    assert (relay.exempt, relay.service.reports) == (soon(clocks), [])
    assert "the report did not arrive: 503: no" in caplog.text
    relay.service.report_status = 204
    relay.follower.step()
    assert relay.service.reports == [], "not at every poll"
    relay.follower.reported_at -= REPORT_AGAIN
    relay.follower.step()
    assert [report["serial"] for report in relay.service.reports] == [1]


def test_a_report_never_grows_over_what_the_service_takes() -> None:
    row = {"address": "2001:db8::1", "expires": 1_764_000_000, "messages": 1, "recipients": 1}
    rows = [row | {"bounced": number} for number in range(20_000)]
    fit = fitting(rows)
    assert rows[: len(fit)] == fit
    assert 5_000 < len(fit) < 20_000
