"""A server that reloads: it says its new serial, and for a moment transfers the old content."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.real.bad_line import BadLine
from tests.real.followed import KEY, NAME, SERIAL, SERVED, Followed, hosts
from tests.real.name_server_fixtures import Serve
from tests.real.name_servers import NameServer
from tests.real.processes import wait_until
from tests.real.zones import Zone as Served
from whitelist.models.sync_run import SyncMethod, SyncOutcome
from whitelist.models.zone import Zone
from whitelist.registry.following.from_servers import PAUSES
from whitelist.registry.name_servers.faults import Fault

pytestmark = pytest.mark.django_db(transaction=True)

LINES = SERVED.splitlines(keepends=True)
OLD, NEW = "".join(LINES[:5]), "".join(LINES[:6])  # we hold what the old content says


@pytest.fixture(scope="module")
def new(serve_for_module: Serve) -> NameServer:
    return serve_for_module("named", Served(NAME, NEW, SERIAL, readers=(KEY,)))


@pytest.fixture
def old(serve: Serve) -> NameServer:
    return serve("named", Served(NAME, OLD, SERIAL - 1, readers=(KEY,)))


@pytest.fixture
def reloading(old: NameServer, new: NameServer) -> Iterator[BadLine]:
    """One server from outside: the new content by UDP, the old one by TCP."""
    with BadLine(old.port, udp_port=new.port) as line:
        yield line


@pytest.fixture(params=[SyncMethod.INCREMENTAL, SyncMethod.FULL])
def method(request: pytest.FixtureRequest) -> SyncMethod:
    return SyncMethod(request.param)


@pytest.fixture
def followed(
    new: NameServer, reloading: BadLine, method: SyncMethod, tmp_path: Path, settings
) -> Followed:
    settings.DNS_KEYS_FILE = tmp_path / "transfer.key"
    settings.VAR_DIR = tmp_path
    followed = Followed(new, settings.DNS_KEYS_FILE)
    followed.ask(reloading.port)
    if method == SyncMethod.FULL:
        Zone.objects.update(full_at=None)  # changes alone do not do
    return followed


def test_it_is_asked_again_until_it_transfers_what_it_says(
    followed: Followed, old: NameServer, reloading: BadLine, method: SyncMethod
) -> None:
    def reload() -> None:
        wait_until(lambda: reloading.passed, "the old content was transferred")
        old.load(NAME, NEW, SERIAL)

    with ThreadPoolExecutor(1) as threads:
        loaded = threads.submit(reload)
        run = followed.sync()
        loaded.result()
    assert (run.outcome, run.method) == (SyncOutcome.APPLIED, method), run.fault_detail
    assert (run.serial_after, run.added, run.removed) == (SERIAL, 1, 0)
    assert len(hosts()) == 6


def test_one_that_never_does_is_a_fault_and_what_we_hold_stands(
    followed: Followed, method: SyncMethod
) -> None:
    start, before = time.monotonic(), hosts()
    run = followed.sync()
    assert sum(PAUSES) <= time.monotonic() - start < sum(PAUSES) + 5
    assert (run.outcome, run.method) == (SyncOutcome.FAILED, method)
    assert run.fault == Fault.NOT_SERVED
    said = f"serial {SERIAL} when asked, and {SERIAL - 1} when transferred"
    assert said in run.fault_detail
    assert (Zone.objects.get().serial, hosts()) == (SERIAL - 1, before)
