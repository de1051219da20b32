"""Publishing: the table holds what is active now, and effective means installed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from relay_agent.install import InstallError
from relay_agent.lmdb_table import read_lmdb
from tests.whitelist.factories import NOON, make_identity, open_entry
from whitelist.addresses import parse_address
from whitelist.audit import SYSTEM
from whitelist.entries import do_end_entry, do_extend_entry
from whitelist.models import AccessMap, Relay, WhitelistEntry
from whitelist.models.entry import EndReason
from whitelist.relay_map.publish import publish_access_map, publish_if_owed
from whitelist.relay_map.render import exemptions

pytestmark = pytest.mark.django_db

HOUR = timedelta(minutes=60)
MINUTE = timedelta(minutes=1)
EXPIRY = int((NOON + HOUR).timestamp())
V4 = "140.114.64.154"
V6 = "2001:288:e001::64"


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.ACCESS_MAP_DIR = tmp_path / "map"
    settings.ACCESS_MAP_TYPES = ["lmdb"]
    return tmp_path / "map"


@pytest.fixture(autouse=True)
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def text(folder: Path) -> bytes:
    return (folder / "smtp_whitelist").read_bytes()


def table(folder: Path) -> dict[str, int]:
    return {
        str(address): expiry
        for address, expiry in read_lmdb(folder / "smtp_whitelist.lmdb").items()
    }


def test_an_empty_map_is_there_from_the_first_publication(folder):
    publication = publish_access_map()
    assert publication.entries == 0
    assert text(folder) == b""
    assert table(folder) == {}


def test_the_text_and_the_table_hold_address_and_expiry(folder):
    open_entry(V6, at=NOON, name="six.ee.nthu.edu.tw")
    open_entry(V4, at=NOON)
    publish_access_map()
    assert text(folder) == f"{V4}\t{EXPIRY}\n{V6}\t{EXPIRY}\n".encode()
    assert table(folder) == {V4: EXPIRY, V6: EXPIRY}


def test_postfix_itself_finds_the_expiry_in_each_table(folder, settings):
    settings.ACCESS_MAP_TYPES = ["lmdb", "hash", "cdb"]
    open_entry(V6, at=NOON, name="six.ee.nthu.edu.tw")
    publish_access_map()
    for kind in settings.ACCESS_MAP_TYPES:
        found = subprocess.run(
            ["postmap", "-q", V6, f"{kind}:{folder}/smtp_whitelist"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert found.stdout.strip() == str(EXPIRY), kind


def test_what_has_lapsed_is_left_out_whatever_its_status_says(folder, noon):
    open_entry(V4, at=NOON)
    noon.move_to(NOON + HOUR)
    publish_access_map()
    assert WhitelistEntry.objects.get().ended_at is None
    assert table(folder) == {}


def test_what_was_ended_is_left_out_although_its_term_runs_on(folder):
    entry = open_entry(V4, at=NOON - MINUTE)
    publish_access_map()
    assert V4 in table(folder)
    do_end_entry(entry, actor=SYSTEM, reason=EndReason.OWNER, at=NOON)
    publish_access_map()
    assert table(folder) == {}


def test_an_extension_moves_the_expiry_in_the_table(folder):
    entry = open_entry(V4, at=NOON - MINUTE)
    publish_access_map()
    do_extend_entry(entry, applicant=make_identity(), at=NOON)
    publish_access_map()
    assert table(folder) == {V4: EXPIRY}


def test_an_entry_is_effective_once_its_serial_is_installed(folder):
    entry = open_entry(V4, at=NOON)
    assert entry.effective_at is None
    publish_access_map()
    entry.refresh_from_db()
    assert entry.effective_at == NOON
    assert Relay.objects.installed_serial() == entry.serial


def test_an_entry_is_not_effective_while_another_active_relay_lags(folder):
    Relay.objects.create(name="mx2")
    entry = open_entry(V4, at=NOON)
    publish_access_map()
    entry.refresh_from_db()
    assert entry.effective_at is None


def test_a_relay_taken_out_of_the_count_holds_nobody_up(folder):
    Relay.objects.create(name="mx2", is_active=False)
    entry = open_entry(V4, at=NOON)
    publish_access_map()
    entry.refresh_from_db()
    assert entry.effective_at == NOON


def test_equal_entries_are_not_written_again(folder):
    open_entry(V4, at=NOON)
    publish_access_map()
    before = [(file.stat().st_ino, file.stat().st_mtime_ns) for file in sorted(folder.iterdir())]
    publish_access_map()
    after = [(file.stat().st_ino, file.stat().st_mtime_ns) for file in sorted(folder.iterdir())]
    assert after == before


def test_the_backstop_publishes_only_what_is_owed(folder):
    assert publish_access_map().serial == 0
    assert publish_if_owed() is None
    open_entry(V4, at=NOON)
    owed = publish_if_owed()
    assert owed is not None
    assert owed.entries == 1
    assert AccessMap.objects.get().published_serial == owed.serial
    assert publish_if_owed() is None


def test_a_table_that_cannot_be_written_leaves_the_entry_pending_and_says_why(folder):
    publish_access_map()
    entry = open_entry(V4, at=NOON)
    (folder / "smtp_whitelist.lmdb").unlink()
    (folder / "smtp_whitelist.lmdb").mkdir()
    with pytest.raises(InstallError):
        publish_access_map()
    entry.refresh_from_db()
    assert entry.effective_at is None
    assert "smtp_whitelist.lmdb" in Relay.objects.get(name="local").last_error
    (folder / "smtp_whitelist.lmdb").rmdir()
    publish_access_map()
    entry.refresh_from_db()
    assert entry.effective_at == NOON
    assert Relay.objects.get(name="local").last_error == ""


def test_the_command_says_what_it_did(folder, capsys):
    open_entry(V4, at=NOON)
    call_command("publish_access_map")
    assert capsys.readouterr().out == f"Published serial 1 with 1 entries in {folder}.\n"


def test_the_command_fails_with_the_reason_when_a_table_cannot_be_written(folder):
    (folder / "smtp_whitelist.lmdb").mkdir(parents=True)
    with pytest.raises(CommandError, match=r"smtp_whitelist\.lmdb"):
        call_command("publish_access_map")


def test_the_command_that_closes_lapsed_entries_says_how_many(capsys):
    open_entry(V4, at=NOON - HOUR)
    call_command("end_due_entries")
    assert capsys.readouterr().out == "Closed 1 lapsed entries.\n"


def test_rendering_rounds_an_expiry_down_and_drops_what_ends_within_the_second():
    at = datetime(2026, 11, 24, 4, 0, 0, 400_000, tzinfo=UTC)
    rows = [
        ("192.0.2.1", at + timedelta(seconds=1.5)),
        ("192.0.2.2", at + timedelta(milliseconds=500)),
        ("192.0.2.3", at),
    ]
    whole = int(at.timestamp())
    assert exemptions(rows, at) == {parse_address("192.0.2.1"): whole + 1}


@pytest.mark.parametrize("stored", ["unknown", "192.0.2.1\n192.0.2.2", "140.114", "0.0.0.0/0", ""])
def test_rendering_refuses_stored_text_that_is_no_address(stored):
    with pytest.raises(ValueError, match="address"):
        exemptions([(stored, NOON + HOUR)], NOON)
