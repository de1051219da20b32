"""`manage.py relay`: tokens are told once, and everything that changes is audited."""

from __future__ import annotations

import getpass
import hashlib
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from relay_agent.snapshot import KEY_ID
from tests.whitelist.relay_map.asking import Asker
from whitelist.models import AuditRecord, Relay

pytestmark = pytest.mark.django_db


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    call_command("relay", *words)
    return capsys.readouterr().out


def test_an_added_relay_counts_and_its_token_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = run(capsys, "add", "mx1")
    token = said.split()[-1]
    relay = Relay.objects.get(name="mx1")
    assert said == f"Added the relay mx1. Its token, shown this once: {token}\n"
    assert len(token) >= 43
    assert relay.token_digest == hashlib.sha256(token.encode()).hexdigest()
    assert (relay.is_active, relay.is_remote) == (True, True)
    record = AuditRecord.objects.get()
    assert record.actor == getpass.getuser()
    assert (record.after or {})["relay"] == "mx1"
    assert token not in str(record.after)
    assert token not in run(capsys, "list")


def test_an_uncounted_relay_holds_nobody_up(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "add", "mx1", "--uncounted")
    assert not Relay.objects.get(name="mx1").is_active


def test_rotating_voids_the_old_token(capsys: pytest.CaptureFixture[str]) -> None:
    relay = Asker("mx1")
    new = run(capsys, "rotate", "mx1").split()[-1]
    assert relay.ask().status_code == 401
    relay.token = new
    assert relay.ask().status_code == 200
    assert AuditRecord.objects.filter(before__relay="mx1").count() == 1


def test_a_removed_relay_is_gone_and_can_be_added_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    relay = Asker("mx1")
    assert run(capsys, "remove", "mx1") == "Removed the relay mx1; its token is void.\n"
    assert relay.ask().status_code == 401
    assert not Relay.objects.filter(name="mx1").exists()
    run(capsys, "add", "mx1")


def test_the_list_says_how_each_relay_stands(capsys: pytest.CaptureFixture[str]) -> None:
    Asker("mx1").report(version="1.0")
    Asker("mx2")
    Relay.objects.filter(name="mx2").update(is_active=False)
    local, mx1, mx2 = run(capsys, "list").splitlines()
    assert local.startswith("local  never  serial=0/0  version=-  reported=-  counts")
    assert mx1.startswith("mx1  in_sync  serial=0/0  version=1.0  reported=20")
    assert mx2.endswith("does not count")


def test_the_keys_are_told_one_a_line_to_pin(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = run(capsys, "key").splitlines()
    key_id, _public = line.split(" = ")
    assert KEY_ID.fullmatch(key_id)


def test_without_a_readable_key_the_reason_is_one_line(settings: Settings, tmp_path: Path) -> None:
    settings.RELAY_SIGNING_KEY_FILE = tmp_path / "gone.pem"
    with pytest.raises(CommandError, match=r"^relay: cannot read .*gone\.pem"):
        call_command("relay", "key")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(["add", "local"], "already exists", id="taken"),
        pytest.param(["add", "mx 1"], "Letters", id="space"),
        pytest.param(["add", 'mx1"'], "Letters", id="quote"),
        pytest.param(["add", "mx1\n"], "Letters", id="line feed"),
        pytest.param(["add", "x" * 101], "100", id="long"),
        pytest.param(["add", ""], "blank", id="empty"),
        pytest.param(["rotate", "mx9"], "there is no relay mx9; there are: local", id="unknown"),
        pytest.param(["remove", "mx9"], "there is no relay mx9", id="remove unknown"),
        pytest.param(["rotate", "local"], "own table", id="local has no token"),
        pytest.param(["remove", "local"], "own table", id="local stays"),
        pytest.param([], "ACTION", id="nothing"),
        pytest.param(["paint", "mx1"], "invalid choice", id="other action"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(words: list[str], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        call_command("relay", *words)
    assert list(Relay.objects.values_list("name", flat=True)) == ["local"]
    assert not AuditRecord.objects.exists()
