"""Zones and lists from files that somebody puts into the folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from whitelist.audit import SYSTEM
from whitelist.models.host import Host
from whitelist.models.sync_run import (
    HeldTransfer,
    HoldReason,
    SyncMethod,
    SyncOutcome,
    SyncRun,
    SyncTrigger,
)
from whitelist.models.zone import Zone, ZoneKind, ZoneSource
from whitelist.registry.following import from_file as sync_file
from whitelist.registry.following.fault_words import SourceFault
from whitelist.registry.following.sync import Limits, do_sync_zone
from whitelist.registry.sources import HostRow, SourceError

pytestmark = pytest.mark.django_db

HEADER = "address,hostname,unit,contact\n"
ORIGIN = "ee.nthu.edu.tw"
LATER = timedelta(hours=1)


def csv_of(*numbers: int) -> str:
    return HEADER + "".join(f"10.0.0.{n},pc{n}.{ORIGIN},EE,\n" for n in numbers)


def zone_of(*numbers: int, serial: int = 1, origin: str = ORIGIN) -> str:
    soa = f"@ IN SOA ns1.{origin}. root.{origin}. {serial} 3600 900 1209600 300\n"
    return f"$ORIGIN {origin}.\n{soa}" + "".join(f"pc{n} A 10.0.0.{n}\n" for n in numbers)


@pytest.fixture
def folder(tmp_path: Path, settings) -> Path:
    folder = tmp_path / "zones"
    folder.mkdir()
    settings.VAR_DIR, settings.ZONE_FILES_DIR = tmp_path, folder
    return folder


def follow(name: str, file: str, kind: ZoneKind = ZoneKind.LIST) -> Zone:
    return Zone.objects.create(name=name, kind=kind, source=ZoneSource.FILE, file=file)


def sync(zone: Zone, *, after: timedelta = timedelta(0), **options) -> SyncRun:
    """As beat would, `after` so long from now."""
    trigger = options.pop("trigger", SyncTrigger.SCHEDULE)
    at = timezone.now() + after
    return do_sync_zone(zone, trigger=trigger, actor=SYSTEM, at=at, **options)


def names() -> set[str]:
    return set(Host.objects.values_list("name", flat=True))


def test_a_list_is_read_with_units(folder: Path) -> None:
    (folder / "ee.csv").write_text(csv_of(1, 2))
    run = sync(follow("EE", "ee.csv"))
    assert (run.outcome, run.method, run.added) == (SyncOutcome.APPLIED, SyncMethod.FILE, 2)
    assert Host.objects.get(address="10.0.0.1").unit == "EE"
    zone = Zone.objects.get()
    assert (zone.checked_at, zone.fault, zone.hosts_count) == (run.started_at, "", 2)


def test_a_master_file_is_read_with_its_serial(folder: Path) -> None:
    (folder / "ee.zone").write_text(zone_of(1, 2, serial=7) + "* A 10.0.0.9\n")
    run = sync(follow(ORIGIN, "ee.zone", ZoneKind.FORWARD))
    assert (run.outcome, run.added, run.serial_after) == (SyncOutcome.APPLIED, 2, 7)
    assert run.left_out == {"wildcard": 1}


def test_a_file_that_did_not_change_is_not_read_again(folder: Path) -> None:
    file = folder / "ee.csv"
    file.write_text(csv_of(1))
    zone = follow("EE", "ee.csv")
    sync(zone, after=LATER)
    Host.objects.all().delete()  # would come back if it were read
    run = sync(zone, after=2 * LATER)
    assert run.outcome == SyncOutcome.UNCHANGED
    assert SyncRun.objects.count() == 1
    assert not names()
    assert Zone.objects.get().checked_at == run.started_at


def test_what_comes_and_goes_in_a_file_follows(folder: Path) -> None:
    (folder / "ee.csv").write_text(csv_of(*range(1, 11)))
    zone = follow("EE", "ee.csv")
    sync(zone)
    (folder / "ee.csv").write_text(csv_of(*range(2, 12)))
    run = sync(zone)
    assert (run.outcome, run.added, run.removed) == (SyncOutcome.APPLIED, 1, 1)
    assert names() == {f"pc{number}.{ORIGIN}" for number in range(2, 12)}


def test_a_file_that_was_moved_into_place_is_read_however_old_it_is(folder: Path) -> None:
    zone = follow("EE", "ee.csv")
    (folder / "ee.csv").write_text(csv_of(1))
    sync(zone)
    new = folder / "new"
    new.write_text(csv_of(1, 2))
    os.utime(new, (0, 0))
    new.rename(folder / "ee.csv")
    assert sync(zone).added == 1


def test_at_night_a_file_is_read_even_if_it_did_not_change(folder: Path) -> None:
    (folder / "ee.csv").write_text(csv_of(1, 2))
    zone = follow("EE", "ee.csv")
    sync(zone, after=LATER)
    Host.objects.filter(address="10.0.0.1").delete()
    run = sync(zone, after=timedelta(days=2))
    assert (run.trigger, run.outcome, run.added) == (SyncTrigger.NIGHTLY, SyncOutcome.APPLIED, 1)


def broken_csv(folder: Path) -> None:
    (folder / "ee.csv").write_text(csv_of(1) + "10.0.0.300,pc2.nthu.edu.tw,,\n")


def no_file(folder: Path) -> None:
    (folder / "ee.csv").unlink()


def directory(folder: Path) -> None:
    (folder / "ee.csv").unlink()
    (folder / "ee.csv").mkdir()


def pipe(folder: Path) -> None:
    (folder / "ee.csv").unlink()
    os.mkfifo(folder / "ee.csv")


def link_out(folder: Path) -> None:
    outside = folder.parent / "outside.csv"
    outside.write_text(csv_of(66))
    (folder / "ee.csv").unlink()
    (folder / "ee.csv").symlink_to(outside)


def path_out(folder: Path) -> None:
    (folder.parent / "outside.csv").write_text(csv_of(66))
    Zone.objects.update(file="../outside.csv")


def absolute_path(folder: Path) -> None:
    (folder.parent / "outside.csv").write_text(csv_of(66))
    Zone.objects.update(file=str(folder.parent / "outside.csv"))


def no_name(_folder: Path) -> None:
    Zone.objects.update(file="")


def another_format(folder: Path) -> None:
    (folder / "ee.csv").write_text(zone_of(1))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (broken_csv, "line 3"),
        (no_file, "No such file"),
        (directory, "not a plain file"),
        (pipe, "not a plain file"),
        (link_out, "symbolic link"),
        (path_out, "not the name of a file"),
        (absolute_path, "not the name of a file"),
        (no_name, "not the name of a file"),
        (another_format, "line 1"),
    ],
)
def test_what_cannot_be_read_is_told_and_what_we_hold_stands(
    folder: Path, spoil: Callable[[Path], None], said: str
) -> None:
    (folder / "ee.csv").write_text(csv_of(1, 2))
    zone = follow("EE", "ee.csv")
    sync(zone)
    before = names()
    spoil(folder)
    run = sync(zone)
    assert (run.outcome, run.fault) == (SyncOutcome.FAILED, SourceFault.BAD_FILE)
    assert said in run.fault_detail
    zone = Zone.objects.get()
    assert (zone.fault, zone.fault_detail) == (SourceFault.BAD_FILE, run.fault_detail)
    assert zone.failing_since == run.started_at
    assert zone.next_check_at is not None
    assert zone.next_check_at > run.started_at
    assert names() == before
    assert SyncRun.objects.filter(outcome=SyncOutcome.FAILED).get() == run


def test_a_file_is_read_again_by_itself_once_it_is_mended(folder: Path) -> None:
    zone = follow("EE", "ee.csv")
    broken_csv(folder)
    assert sync(zone).outcome == SyncOutcome.FAILED
    (folder / "ee.csv").write_text(csv_of(1))
    assert sync(zone).outcome == SyncOutcome.APPLIED
    assert Zone.objects.get().failing_since is None


@pytest.mark.parametrize(
    ("name", "kind", "content", "said"),
    [
        (ORIGIN, ZoneKind.FORWARD, zone_of(1, origin="cs.nthu.edu.tw"), "cs.nthu.edu.tw"),
        (ORIGIN, ZoneKind.REVERSE, zone_of(1), "set up as reverse"),
        (ORIGIN, ZoneKind.FORWARD, zone_of(1) + "pc2 A 10.0.0.300\n", "line 4"),
        (ORIGIN, ZoneKind.FORWARD, "", "nothing would be left"),
    ],
    ids=["another zone", "another kind", "bad line", "empty"],
)
def test_a_master_file_that_is_not_this_zone_is_refused(
    folder: Path, name: str, kind: ZoneKind, content: str, said: str
) -> None:
    (folder / "ee.zone").write_text(zone_of(1))
    zone = follow(ORIGIN, "ee.zone", ZoneKind.FORWARD)
    sync(zone)
    Zone.objects.update(kind=kind)
    (folder / "ee.zone").write_text(content)
    run = sync(zone)
    if said == "nothing would be left":
        assert (run.outcome, run.hold_reason) == (SyncOutcome.HELD, HoldReason.EMPTY)
    else:
        assert (run.outcome, run.fault) == (SyncOutcome.FAILED, SourceFault.BAD_FILE)
        assert said in run.fault_detail
    assert names() == {f"pc1.{ORIGIN}"}


def test_an_older_master_file_is_held_and_not_read_every_minute(folder: Path) -> None:
    file = folder / "ee.zone"
    file.write_text(zone_of(1, serial=7))
    zone = follow(ORIGIN, "ee.zone", ZoneKind.FORWARD)
    sync(zone)
    file.write_text(zone_of(1, 2, serial=6))
    run = sync(zone, after=LATER)
    assert (run.outcome, run.hold_reason) == (SyncOutcome.HELD, HoldReason.SERIAL)
    file.write_text("this would be a bad line\n")
    again = sync(zone, after=2 * LATER)
    assert again.outcome == SyncOutcome.HELD
    assert SyncRun.objects.filter(outcome=SyncOutcome.HELD).get() == run
    assert HeldTransfer.objects.get().serial == 6


def test_a_file_that_is_written_while_it_is_read_is_refused(folder: Path) -> None:
    file = folder / "ee.csv"
    file.write_text(csv_of(1))
    with sync_file.opened(folder, "ee.csv", 2**20) as opened:
        rows = sync_file.complete(iter([HostRow("10.0.0.1", "pc1", None, None, 2)]), opened)
        assert next(rows).line == 2
        with file.open("a") as writing:
            writing.write("10.0.0.2,pc2.nthu.edu.tw,,\n")
        with pytest.raises(SourceError, match="written while it was read"):
            next(rows)


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    (folder / "ee.csv").write_text(csv_of(*range(1, 100)))
    run = sync(follow("EE", "ee.csv"), limits=Limits(most_bytes=100))
    assert (run.fault, "larger than 100 bytes" in run.fault_detail) == ("bad_file", True)
