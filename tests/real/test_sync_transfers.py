"""What becomes of a zone that its name servers transfer: applied, or held for a decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.real.followed import (
    EMPTY,
    KEY,
    NAME,
    SERIAL,
    SERVED,
    SMALL,
    Followed,
    hosts,
    loaded_zone,
    serving,
)
from tests.real.messy_zones import (
    MessyZone,
    messy_forward_zone,
    messy_ipv6_zone,
    messy_reverse_zone,
    rfc2317_zones,
)
from tests.real.name_server_fixtures import KINDS, Serve
from tests.real.name_servers import NameServer
from tests.real.zones import Key, key_file
from tests.real.zones import Zone as Served
from whitelist import tasks
from whitelist.audit import SYSTEM
from whitelist.models.host import Host, HostChange
from whitelist.models.sync_run import (
    HeldTransfer,
    HoldReason,
    SyncMethod,
    SyncOutcome,
    SyncRun,
    SyncTrigger,
)
from whitelist.models.zone import Zone, ZoneServer, ZoneSource
from whitelist.registry.classify import LeftOut
from whitelist.registry.following.follow import kind_of_name
from whitelist.registry.following.sync import do_sync_zone

pytestmark = pytest.mark.django_db(transaction=True)

CODES = {str(reason): reason.name for reason in LeftOut}
INSIDE, OUTSIDE = Key("inside"), Key("outside")


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


# What is applied


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_sync_reads_the_whole_zone_and_its_times(followed: Followed) -> None:
    Zone.objects.all().delete()
    followed.zone = Zone.objects.create(name=NAME, kind="forward", source=ZoneSource.SERVERS)
    followed.ask(followed.server.port)
    run = followed.sync(SyncTrigger.COMMAND)
    zone = Zone.objects.get()
    assert (run.outcome, run.method) == (SyncOutcome.APPLIED, SyncMethod.FULL)
    assert (run.added, run.removed, run.unchanged) == (600, 0, 0)
    assert (zone.serial, zone.hosts_count, len(hosts())) == (SERIAL, 600, 600)
    assert (zone.refresh, zone.retry, zone.expire) == (3600, 900, 1_209_600)
    assert zone.checked_at == zone.full_at == zone.first_loaded_at == run.started_at
    assert zone.next_check_at is not None
    assert zone.next_check_at > run.started_at
    assert HostChange.objects.count() == 0
    assert SyncRun.objects.get().added == 600


@pytest.mark.parametrize("kind", KINDS)
def test_changes_alone_are_asked_for_where_we_know_the_rest(
    serve: Serve, followed: Followed, kind: str
) -> None:
    server = serve(kind, Served(NAME, SERVED, SERIAL, readers=(KEY,)))
    followed.ask(server.port)
    assert followed.sync().method == SyncMethod.FULL  # that serial is older than its history
    server.load(NAME, SERVED.replace("pc7 A", "new7 A"), SERIAL + 1)
    run = followed.sync(SyncTrigger.NOTIFY)
    assert (run.outcome, run.method) == (SyncOutcome.APPLIED, SyncMethod.INCREMENTAL)
    assert (run.added, run.removed, run.unchanged) == (1, 1, 599)
    assert (run.serial_before, run.serial_after) == (SERIAL, SERIAL + 1)
    assert Zone.objects.get().serial == SERIAL + 1
    assert {name for address, name in hosts() if address == "10.0.0.8"} == {f"new7.{NAME}"}


def test_a_serial_that_is_ours_confirms_what_we_hold_and_leaves_no_run(
    followed: Followed,
) -> None:
    Zone.objects.update(serial=SERIAL)
    run = followed.sync()
    zone = Zone.objects.get()
    assert (run.outcome, run.method) == (SyncOutcome.UNCHANGED, SyncMethod.SOA)
    assert run.pk is None
    assert (zone.checked_at, zone.refresh) == (run.started_at, 3600)
    assert zone.next_check_at is not None
    assert not SyncRun.objects.exists()
    assert len(hosts()) == 5


@pytest.mark.parametrize("trigger", [SyncTrigger.STAFF, SyncTrigger.COMMAND])
def test_whoever_asks_in_person_finds_that_they_did(
    followed: Followed, trigger: SyncTrigger
) -> None:
    Zone.objects.update(serial=SERIAL)
    assert SyncRun.objects.get(pk=followed.sync(trigger).pk).outcome == SyncOutcome.UNCHANGED


def test_at_night_all_is_read_although_the_serial_is_ours_and_drift_is_repaired(
    followed: Followed,
) -> None:
    followed.sync()
    Host.objects.filter(name=f"pc9.{NAME}").delete()
    Host.objects.filter(name=f"pc8.{NAME}").update(name=f"drifted.{NAME}")
    tomorrow = timezone.localtime() + timedelta(days=1)
    morning = tomorrow.replace(hour=6)  # whenever this runs, one night is over, the next far
    run = do_sync_zone(followed.zone, trigger=SyncTrigger.SCHEDULE, actor=SYSTEM, at=morning)
    assert (run.trigger, run.method) == (SyncTrigger.NIGHTLY, SyncMethod.FULL)
    assert (run.outcome, run.added, run.removed) == (SyncOutcome.APPLIED, 2, 1)
    assert run.serial_before == run.serial_after == SERIAL
    assert f"pc9.{NAME}" in {name for _address, name in hosts()}
    later = morning + timedelta(hours=1)
    again = do_sync_zone(followed.zone, trigger=SyncTrigger.SCHEDULE, actor=SYSTEM, at=later)
    assert (again.trigger, again.method) == (SyncTrigger.SCHEDULE, SyncMethod.SOA)


def test_a_dry_run_tells_what_would_change_and_changes_nothing(followed: Followed) -> None:
    row = Zone.objects.values().get()
    run = do_sync_zone(followed.zone, trigger=SyncTrigger.COMMAND, actor=SYSTEM, dry_run=True)
    assert (run.outcome, run.added) == (SyncOutcome.APPLIED, 595)
    assert Zone.objects.values().get() == row
    assert (len(hosts()), SyncRun.objects.count()) == (5, 0)


def messy_zones() -> list[MessyZone]:
    forward, reverse, ipv6 = messy_forward_zone(), messy_reverse_zone(), messy_ipv6_zone()
    return [forward, reverse, ipv6, *rfc2317_zones()]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_a_zone_makes_a_sync_fail_and_all_of_it_is_counted(
    serve: Serve, kind: str
) -> None:
    zones = messy_zones()
    if kind != "named":
        zones = [zone.for_every_server() for zone in zones]
    server = serve(kind, *(Served(zone.name, zone.body(), anyone=True) for zone in zones))
    for messy in zones:
        zone, _is_new = Zone.objects.update_or_create(  # its parent may have delegated it
            name=messy.name,
            defaults={"kind": kind_of_name(messy.name), "source": ZoneSource.SERVERS},
        )
        ZoneServer.objects.create(zone=zone, address="127.0.0.1", port=server.port)
        run = do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE, actor=SYSTEM)
        assert run.outcome == SyncOutcome.APPLIED, run.fault_detail
        assert hosts(messy.name) == messy.hosts
        counts = {CODES[code]: count for code, count in run.left_out.items()}
        assert counts == messy.left_out
        assert Zone.objects.get(pk=zone.pk).left_out == run.left_out


def test_views_of_one_name_are_kept_apart(serve: Serve, followed: Followed) -> None:
    server = serve(
        "named",
        Served(NAME, "in A 10.9.9.1", readers=(INSIDE,), view="inside"),
        Served(NAME, "out A 10.9.9.2", readers=(OUTSIDE,), view="outside"),
    )
    followed.keys_file.write_text(key_file(INSIDE, OUTSIDE))
    Zone.objects.all().delete()
    for view in ("inside", "outside"):
        zone = Zone.objects.create(name=NAME, view=view, kind="forward", source=ZoneSource.SERVERS)
        ZoneServer.objects.create(zone=zone, address="127.0.0.1", port=server.port, key_name=view)
        do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE, actor=SYSTEM)
    found = set(Host.objects.values_list("zone__view", "name"))
    assert found == {("inside", f"in.{NAME}"), ("outside", f"out.{NAME}")}


@pytest.mark.parametrize(
    ("trigger", "serial"),
    [(SyncTrigger.SCHEDULE, SERIAL - 1), (SyncTrigger.NOTIFY, SERIAL)],
)
def test_where_somebody_hints_at_news_the_first_server_does_not_end_it(
    serve: Serve, followed: Followed, trigger: SyncTrigger, serial: int
) -> None:
    same = serve("named", Served(NAME, SERVED, SERIAL - 1, readers=(KEY,)))
    followed.ask(same.port, followed.server.port)
    assert followed.sync(trigger).serial_after == serial


# What is held


def test_a_serial_that_went_backwards_is_held_and_asked_about_no_more(followed: Followed) -> None:
    Zone.objects.update(serial=SERIAL + 5)
    before = hosts()
    run = followed.sync()
    assert (run.outcome, run.hold_reason) == (SyncOutcome.HELD, HoldReason.SERIAL)
    held = HeldTransfer.objects.get()
    assert (held.serial, held.reason) == (SERIAL, HoldReason.SERIAL)
    assert (hosts(), Zone.objects.get().serial) == (before, SERIAL + 5)
    again = followed.sync()
    assert (again.outcome, again.method) == (SyncOutcome.HELD, SyncMethod.SOA)
    assert SyncRun.objects.get() == run
    assert HeldTransfer.objects.get() == held


def test_a_server_that_lags_behind_another_is_passed_over(serve: Serve, followed: Followed) -> None:
    behind = serve("named", Served(NAME, SERVED, SERIAL - 5, readers=(KEY,)))
    followed.ask(behind.port, followed.server.port)
    run = followed.sync()
    assert (run.outcome, run.serial_after) == (SyncOutcome.APPLIED, SERIAL)
    assert not HeldTransfer.objects.exists()


@pytest.mark.parametrize(
    ("name", "count", "reason"),
    [(EMPTY, 5, HoldReason.EMPTY), (SMALL, 50, HoldReason.LOSS)],
)
def test_a_mass_deletion_is_held_with_all_that_we_have(
    followed: Followed, name: str, count: int, reason: HoldReason
) -> None:
    Zone.objects.all().delete()
    followed.zone = loaded_zone(name, count=count)
    followed.ask(followed.server.port)
    before = hosts(name)
    run = followed.sync()
    assert (run.outcome, run.hold_reason, run.removed) == (SyncOutcome.HELD, reason, count)
    zone = Zone.objects.get()
    assert (zone.serial, zone.failing_since, zone.fault) == (SERIAL - 1, None, "")
    assert zone.next_check_at is not None
    assert hosts(name) == before
    assert SyncRun.objects.get().hold_reason == reason


def test_what_is_held_goes_when_the_servers_are_where_we_are(followed: Followed) -> None:
    Zone.objects.update(serial=SERIAL + 5)
    assert followed.sync().outcome == SyncOutcome.HELD
    HeldTransfer.objects.update(serial=SERIAL - 5)
    Zone.objects.update(serial=SERIAL)
    assert followed.sync().outcome == SyncOutcome.UNCHANGED
    assert not HeldTransfer.objects.exists()


# What a live look-up brings about


def test_a_name_that_only_the_servers_know_is_there_after_a_second_opinion(
    serve: Serve, followed: Followed
) -> None:
    reverse = "0.0.10.in-addr.arpa"
    server = serve(
        "named",
        Served(NAME, SERVED, SERIAL, readers=(KEY,)),
        Served(reverse, f"200 PTR pc199.{NAME}.\n", SERIAL, readers=(KEY,)),
    )
    followed.ask(server.port)
    zone = Zone.objects.create(name=reverse, kind="reverse", source=ZoneSource.SERVERS)
    ZoneServer.objects.create(zone=zone, address="127.0.0.1", port=server.port, key_name=KEY.name)
    tasks.second_opinion("10.0.0.200")
    found = set(Host.objects.filter(address="10.0.0.200").values_list("zone__name", "name"))
    assert found == {(NAME, f"pc199.{NAME}"), (reverse, f"pc199.{NAME}")}
    triggers = set(SyncRun.objects.values_list("trigger", flat=True))
    assert triggers == {SyncTrigger.SECOND_OPINION}
    tasks.second_opinion("10.0.1.99")  # nobody has it, so nobody is asked for a transfer
    assert SyncRun.objects.count() == 2
