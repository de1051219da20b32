"""Whatever a name server does to us, what we hold stands and can be read, and staff are told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.real.bad_line import BadLine
from tests.real.followed import (
    KEY,
    NAME,
    RETRY,
    SERIAL,
    UNKNOWN,
    Followed,
    hosts,
    served,
    serving,
)
from tests.real.name_server_fixtures import KINDS, Serve
from tests.real.name_servers import NameServer
from tests.real.processes import free_port
from tests.real.zones import Key, key_file
from whitelist.models.host import Host
from whitelist.models.sync_run import SyncOutcome, SyncRun
from whitelist.models.zone import Zone
from whitelist.registry.following.fault_words import SourceFault
from whitelist.registry.following.sync import Limits
from whitelist.registry.name_servers.faults import Fault

pytestmark = pytest.mark.django_db(transaction=True)

WRONG_SECRET = Key(KEY.name)


@pytest.fixture(scope="module")
def servers(serve_for_module: Serve) -> Callable[[str], NameServer]:
    return serving(serve_for_module)


@pytest.fixture
def kind() -> str:
    return "named"


@pytest.fixture
def followed(servers: Callable[[str], NameServer], kind: str, tmp_path: Path, settings) -> Followed:
    settings.DNS_KEYS_FILE = tmp_path / "transfer.key"
    settings.VAR_DIR = tmp_path
    return Followed(servers(kind), settings.DNS_KEYS_FILE)


@pytest.fixture
def line(followed: Followed) -> Iterator[BadLine]:
    with BadLine(followed.server.port) as line:
        followed.ask(line.port)
        yield line


def assert_failed(followed: Followed, run: SyncRun, fault: str) -> None:
    """What must hold after every failure, besides the hosts, which `sync` has watched."""
    zone = Zone.objects.get(pk=followed.zone.pk)
    assert (run.outcome, run.fault) == (SyncOutcome.FAILED, fault), run.fault_detail
    assert run.fault_detail
    assert (run.added, run.removed, run.serial_after) == (0, 0, None)
    assert SyncRun.objects.get() == run
    assert (zone.fault, zone.fault_detail) == (fault, run.fault_detail)
    assert zone.failing_since == run.started_at
    assert zone.serial == run.serial_before == SERIAL - 1
    assert zone.checked_at is not None
    assert zone.checked_at < run.started_at
    assert zone.next_check_at is not None
    assert RETRY * 0.9 <= zone.next_check_at - run.started_at <= RETRY * 1.1
    assert hosts() == {(f"10.0.0.{number + 1}", f"pc{number}.{NAME}") for number in range(5)}


# Who we are, and what for


def key_lost(followed: Followed) -> None:
    followed.ask(followed.server.port, key="lost")


def key_file_lost(followed: Followed) -> None:
    followed.keys_file.unlink()


def another_secret(followed: Followed) -> None:
    followed.keys_file.write_text(key_file(WRONG_SECRET))


def unknown_key(followed: Followed) -> None:
    followed.ask(followed.server.port, key=UNKNOWN.name)


def no_key(followed: Followed) -> None:
    followed.ask(followed.server.port, key="")


def unknown_zone(followed: Followed) -> None:
    Zone.objects.filter(pk=followed.zone.pk).update(name="other.nthu.edu.tw")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (another_secret, Fault.WRONG_KEY),
        (unknown_key, Fault.WRONG_KEY),
        (no_key, Fault.REFUSED),
    ],
)
def test_each_server_tells_who_may_not_transfer(
    followed: Followed, kind: str, spoil: Callable[[Followed], None], fault: Fault
) -> None:
    spoil(followed)
    # Knot says NOTAUTH, as it does for a zone that it has not.
    expected = Fault.NOT_SERVED if (kind, spoil) == ("knotd", no_key) else fault
    assert_failed(followed, followed.sync(), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_zone_that_is_not_served_is_told_from_one_that_is_refused(
    followed: Followed, kind: str
) -> None:
    before = hosts()
    unknown_zone(followed)
    run = followed.sync()
    assert (run.outcome, run.fault in {Fault.NOT_SERVED, Fault.REFUSED}) == ("failed", True)
    assert set(Host.objects.values_list("address", "name")) == before


@pytest.mark.parametrize("spoil", [key_lost, key_file_lost])
def test_without_a_key_nobody_is_asked(followed: Followed, spoil) -> None:
    spoil(followed)
    run = followed.sync()
    assert_failed(followed, run, Fault.NO_KEY)
    assert str(followed.keys_file) in run.fault_detail


@pytest.mark.parametrize("clock", ["-1h", "+1h"])
def test_a_clock_that_is_wrong_is_called_so(serve: Serve, followed: Followed, clock: str) -> None:
    followed.ask(serve("named", *served(), clock=clock).port)
    assert_failed(followed, followed.sync(), Fault.CLOCK)


def test_a_zone_without_servers_says_that_it_has_none(followed: Followed) -> None:
    followed.ask()
    assert_failed(followed, followed.sync(), SourceFault.NO_SERVER)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "ee..tw"},
        {"name": "ee staff"},
        {"name": "EE.nthu.edu.tw"},
        {"name": "x" * 200},
        {"kind": "reverse"},
        {"kind": "list"},
    ],
    ids=str,
)
def test_a_row_that_can_be_no_zone_is_a_fault_like_others(
    followed: Followed, wrong: dict[str, str]
) -> None:
    Zone.objects.update(**wrong)
    run = followed.sync()
    assert (run.outcome, run.fault) == (SyncOutcome.FAILED, SourceFault.BAD_ZONE)
    assert Zone.objects.get().fault == SourceFault.BAD_ZONE
    assert Host.objects.count() == 5


# The line


def test_a_server_that_is_down(followed: Followed) -> None:
    followed.ask(free_port())
    assert_failed(followed, followed.sync(), Fault.DOWN)


def test_a_server_that_is_silent(serve: Serve, followed: Followed) -> None:
    server = serve("named", *served())
    followed.ask(server.port)
    server.pause()
    assert_failed(followed, followed.sync(), Fault.DOWN)


@pytest.mark.parametrize("reset", [False, True])
def test_a_transfer_that_is_cut_off(followed: Followed, line: BadLine, reset: bool) -> None:
    line.cut_after, line.reset = 5000, reset
    assert_failed(followed, followed.sync(), Fault.CUT_OFF)


def test_a_transfer_that_stalls(followed: Followed, line: BadLine) -> None:
    line.stall_after = 5000
    start = time.monotonic()
    assert_failed(followed, followed.sync(), Fault.STALLED)
    assert time.monotonic() - start < 5


def test_a_transfer_that_is_too_large(followed: Followed) -> None:
    followed.limits = Limits(most_bytes=5000)
    assert_failed(followed, followed.sync(), Fault.TOO_LARGE)


def test_what_was_cut_off_comes_whole_the_next_time(followed: Followed, line: BadLine) -> None:
    line.cut_after = 5000
    assert_failed(followed, followed.sync(), Fault.CUT_OFF)
    line.cut_after = None
    run = followed.sync()
    zone = Zone.objects.get()
    assert (run.outcome, run.added, run.removed) == (SyncOutcome.APPLIED, 595, 0)
    assert (zone.fault, zone.fault_detail, zone.failing_since) == ("", "", None)
    assert (zone.serial, zone.checked_at, len(hosts())) == (SERIAL, run.started_at, 600)


# Several servers, and moments


def test_the_next_server_is_asked_where_one_fails(
    followed: Followed, line: BadLine, caplog: pytest.LogCaptureFixture
) -> None:
    line.cut_after = 5000
    followed.ask(free_port(), line.port, followed.server.port)
    run = followed.sync()
    assert (run.outcome, run.server) == (SyncOutcome.APPLIED, f"127.0.0.1#{followed.server.port}")
    failures = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert ["down" in failures[0], "cut_off" in failures[1]] == [True, True]


def test_of_several_faults_the_one_that_somebody_can_mend_is_told(followed: Followed) -> None:
    another_secret(followed)
    followed.ask(free_port(), followed.server.port, free_port())
    assert_failed(followed, followed.sync(), Fault.WRONG_KEY)


def test_failing_since_is_the_first_moment(followed: Followed) -> None:
    followed.ask(free_port())
    first = followed.sync()
    second = followed.sync(at=first.started_at + timedelta(minutes=15))
    zone = Zone.objects.get()
    assert zone.failing_since == first.started_at
    assert SyncRun.objects.count() == 2
    assert zone.next_check_at is not None
    assert zone.next_check_at > second.started_at
