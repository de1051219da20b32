"""RFC 2317 with a child named like a forward zone, from a real name server to the standing."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from tests.real.messy_zones import REVERSE, messy_reverse_zone, rfc2317_zones
from tests.real.name_server_fixtures import Serve
from tests.real.name_servers import HOST, NameServer
from tests.real.zones import Zone as Served
from whitelist.addresses import parse_address
from whitelist.audit import SYSTEM
from whitelist.models.sync_run import SyncMethod, SyncOutcome, SyncTrigger
from whitelist.models.zone import Zone, ZoneServer, ZoneSource
from whitelist.registry.following.follow import kind_of_name
from whitelist.registry.following.sync import do_sync_zone
from whitelist.registry.lookup import AddressStatus, NamePolicy, Standing, standing

pytestmark = pytest.mark.django_db(transaction=True)

FORWARD = "chem.nthu.edu.tw"
FORWARD_BODY = "one A 140.114.90.1\ntwo A 140.114.90.2\n"
CHILD = rfc2317_zones()[-1].name
ONE, TWO = (f"{last} PTR {name}.{FORWARD}.\n" for last, name in [(1, "one"), (2, "two")])
# A difference that is larger than its zone is answered in full.
OTHERS = "".join(f"{last} PTR pc{last}z.{FORWARD}.\n" for last in range(10, 40))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings) -> None:
    settings.VAR_DIR = tmp_path


@pytest.fixture
def server(serve: Serve) -> NameServer:
    bodies = {
        REVERSE: messy_reverse_zone().body() + f"2.90 CNAME 2.{CHILD}.\n",
        CHILD: ONE + OTHERS,
        FORWARD: FORWARD_BODY,
    }
    server = serve("named", *(Served(name, body, anyone=True) for name, body in bodies.items()))
    for name in bodies:
        zone = Zone.objects.create(name=name, kind=kind_of_name(name), source=ZoneSource.SERVERS)
        ZoneServer.objects.create(zone=zone, address=HOST, port=server.port)
        assert synced(name) == (SyncOutcome.APPLIED, SyncMethod.FULL)
    return server


def synced(name: str) -> tuple[str, str]:
    run = do_sync_zone(Zone.objects.get(name=name), trigger=SyncTrigger.COMMAND, actor=SYSTEM)
    return run.outcome, run.method


def found(last: int) -> Standing:
    address = parse_address(f"140.114.90.{last}")
    return standing(address, NamePolicy(suffixes=("nthu.edu.tw",)), at=timezone.now())


def test_a_name_in_the_child_counts_and_comes_and_goes_by_differences(server: NameServer) -> None:
    told = found(1)
    assert (told.status, told.name) == (AddressStatus.REGISTERED, f"one.{FORWARD}")
    assert told.zone == CHILD
    assert found(2).status == AddressStatus.NEEDS_REVERSE

    server.load(CHILD, ONE + TWO + OTHERS)
    assert synced(CHILD) == (SyncOutcome.APPLIED, SyncMethod.INCREMENTAL)
    assert (found(1).status, found(2).status) == (AddressStatus.REGISTERED,) * 2

    server.load(CHILD, TWO + OTHERS)
    assert synced(CHILD) == (SyncOutcome.APPLIED, SyncMethod.INCREMENTAL)
    assert found(1).status == AddressStatus.NEEDS_REVERSE
    assert found(2).status == AddressStatus.REGISTERED


def test_without_its_alias_it_does_not_count(server: NameServer) -> None:
    assert found(1).status == AddressStatus.REGISTERED
    body = messy_reverse_zone().body()
    server.load(REVERSE, body.replace(f"1.90 IN CNAME 1.{CHILD}.\n", ""))
    assert synced(REVERSE) == (SyncOutcome.APPLIED, SyncMethod.INCREMENTAL)
    assert found(1).status == AddressStatus.NEEDS_REVERSE
