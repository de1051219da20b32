"""`sync_registry` whole: what it says, what it does, and its exit status."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone, translation

from whitelist.models.host import Host
from whitelist.models.sync_run import SyncRun, SyncTrigger
from whitelist.models.zone import Zone, ZoneKind, ZoneSource
from whitelist.registry.following import job as sync_job
from whitelist.registry.following.zone_lock import zone_lock

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = "address,hostname\n"


def csv_of(count: int) -> str:
    return HEADER + "".join(f"10.0.0.{n},pc{n}.ee.nthu.edu.tw\n" for n in range(1, count + 1))


@pytest.fixture
def folder(tmp_path: Path, settings) -> Path:
    settings.VAR_DIR = settings.ZONE_FILES_DIR = tmp_path
    return tmp_path


@pytest.fixture
def follow(folder: Path) -> Callable[..., Zone]:
    """A list that is followed from a file of so many hosts; without a number, from none."""

    def follow(name: str, count: int | None = None, view: str = "") -> Zone:
        if count is not None:
            (folder / f"{name}{view}.csv").write_text(csv_of(count))
        return Zone.objects.create(
            name=name,
            view=view,
            kind=ZoneKind.LIST,
            source=ZoneSource.FILE,
            file=f"{name}{view}.csv",
        )

    return follow


def run(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("sync_registry", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue().splitlines()


def failing(*arguments: str) -> tuple[list[str], str]:
    """The lines on standard output, and the error."""
    out = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("sync_registry", *arguments, stdout=out, stderr=io.StringIO())
    assert error.value.returncode == 1
    return out.getvalue().splitlines(), str(error.value)


def test_all_followed_zones_are_synced_one_line_each_and_a_total(follow) -> None:
    follow("EE", 3)
    follow("CS", 2)
    Zone.objects.create(name="by hand", kind=ZoneKind.LIST)
    assert run() == [
        "CS: applied from its file: 2 added, 0 removed, 0 unchanged",
        "EE: applied from its file: 3 added, 0 removed, 0 unchanged",
        "2 zones: 2 applied",
    ]
    assert Host.objects.count() == 5
    made = set(SyncRun.objects.values_list("trigger", flat=True))
    assert made == {SyncTrigger.COMMAND}
    assert "" not in set(SyncRun.objects.values_list("actor", flat=True))


def test_named_zones_alone_are_synced(follow) -> None:
    follow("EE", 3)
    follow("CS", 2)
    assert run("EE", "EE")[-1] == "1 zone: 1 applied"
    assert set(Host.objects.values_list("zone__name", flat=True)) == {"EE"}


def test_a_zone_is_found_however_its_name_is_written(folder: Path) -> None:
    Zone.objects.create(
        name="ee.nthu.edu.tw", kind=ZoneKind.FORWARD, source=ZoneSource.FILE, file="ee.zone"
    )
    (folder / "ee.zone").write_text("@ IN SOA ns. root. 1 1 1 1 1\npc1 A 10.0.0.1\n")
    assert "serial 1, 1 added" in run("EE.nthu.edu.tw.")[0]


def test_the_second_time_nothing_is_new_and_that_is_success(follow) -> None:
    follow("EE", 3)
    run()
    assert run()[-1] == "1 zone: 1 unchanged"


def test_all_views_of_a_name_are_synced_or_the_one_that_is_asked_for(follow) -> None:
    follow("EE", 3, view="inside")
    follow("EE", 2, view="outside")
    assert len(run("EE", "--view", "inside")) == 2
    assert len(run("EE")) == 3


def test_full_reads_what_did_not_change(follow) -> None:
    follow("EE", 3)
    run()
    Host.objects.filter(address="10.0.0.1").delete()
    Zone.objects.update(full_at=timezone.now() + timedelta(hours=1))  # so the file is older
    assert run()[-1] == "1 zone: 1 unchanged"
    assert "1 added" in run("--full")[0]


def test_a_dry_run_says_what_would_change_and_changes_nothing(follow) -> None:
    follow("EE", 3)
    before = Zone.objects.values().get()
    said = run("--dry-run")
    assert said[0] == (
        "EE: applied from its file: 3 added, 0 removed, 0 unchanged (dry run, nothing was changed)"
    )
    assert (Host.objects.count(), SyncRun.objects.count()) == (0, 0)
    assert Zone.objects.values().get() == before


def test_a_dry_run_tells_what_would_be_held_and_holds_nothing(follow, folder: Path) -> None:
    zone = follow("EE", 10)
    run()
    (folder / zone.file).write_text(csv_of(1))
    said, error = failing("--dry-run")
    assert said[0].startswith("EE: held from its file: 0 added, 9 removed. Too many addresses")
    assert "EE (held)" in error
    assert not hasattr(Zone.objects.get(), "held")


def test_a_zone_that_failed_says_why_and_what_to_do_and_the_others_are_synced(follow) -> None:
    follow("EE")
    follow("GG", 2)
    said, error = failing()
    assert said[0].startswith("EE: failed (bad_file): EE.csv: cannot read it in")
    assert "Correct what the detail names in the file" in said[0]
    assert said[1:] == [
        "GG: applied from its file: 2 added, 0 removed, 0 unchanged",
        "2 zones: 1 applied, 1 failed",
    ]
    assert error == "sync_registry: not in step: EE (failed); the lines above say what to do"


def test_a_zone_that_is_held_is_no_success(follow, folder: Path) -> None:
    zone = follow("EE", 10)
    run()
    (folder / zone.file).write_text(csv_of(1))
    for _ in range(2):
        said, error = failing()
        assert said[0].startswith("EE: held from its file: 0 added, 9 removed. Too many")
        assert "release or drop it in the admin" in said[0]
        assert "EE (held)" in error
    assert Host.objects.count() == 10


def test_a_zone_that_another_sync_is_at_is_no_success(follow, settings) -> None:
    zone = follow("EE", 3)
    held, done = Event(), Event()

    def hold() -> None:
        try:
            with zone_lock(zone.pk, settings.VAR_DIR / "locks"):
                held.set()
                done.wait(20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(hold)
        assert held.wait(20)
        try:
            said, error = failing()
        finally:
            done.set()
    assert said == [
        "EE: busy: another sync of it runs; wait for it and try again",
        "1 zone: 1 busy",
    ]
    assert "EE (busy)" in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ME"], "ME is not followed; followed: CS, EE"),
        (["by hand"], "by hand is not followed; followed: CS, EE"),
        (["EE", "--view", "inside"], "EE is not followed; followed: none"),
    ],
)
def test_a_zone_that_is_not_followed_names_those_that_are(
    follow, arguments: list[str], said: str
) -> None:
    follow("EE", 3)
    follow("CS", 2)
    Zone.objects.create(name="by hand", kind=ZoneKind.LIST)
    out, error = failing(*arguments)
    assert (out, error) == ([], f"sync_registry: {said}")
    assert not Host.objects.exists()


def test_without_any_followed_zone_it_says_how_to_follow_one() -> None:
    assert failing() == ([], "sync_registry: no zone is followed; see follow_zone")


def test_progress_goes_to_standard_error(follow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_job, "LOOK_EVERY", 2)
    monkeypatch.setattr(sync_job, "SLOW_SECONDS", 0.0)
    follow("EE", 3)
    out, err = io.StringIO(), io.StringIO()
    call_command("sync_registry", stdout=out, stderr=err)
    assert err.getvalue().splitlines() == ["EE: 2 hosts read …", "EE: 3 hosts read, comparing …"]
    assert "read" not in out.getvalue()


def test_it_speaks_english_whatever_the_language(follow) -> None:
    follow("EE")
    with translation.override("zh-hant"):
        said, _error = failing()
    assert said[0].isascii()
