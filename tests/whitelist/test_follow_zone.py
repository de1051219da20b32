"""`follow_zone` whole: how a zone is set up to come by itself, and what is refused."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from tests.real.zones import Key, key_file
from tests.whitelist.factories import make_host
from whitelist.models.audit import AuditAction, AuditRecord
from whitelist.models.zone import Zone, ZoneKind, ZoneServer, ZoneSource

pytestmark = pytest.mark.django_db

NAME = "ee.nthu.edu.tw"


@pytest.fixture(autouse=True)
def keys_file(tmp_path: Path, settings) -> Path:
    file = tmp_path / "transfer.key"
    file.write_text(key_file(Key("transfer.ee")))
    settings.DNS_KEYS_FILE = file
    return file


def run(*arguments: str) -> str:
    """What it says on standard output; it must say nothing else."""
    out, err = io.StringIO(), io.StringIO()
    call_command("follow_zone", *arguments, stdout=out, stderr=err)
    assert err.getvalue() == ""
    return out.getvalue().strip()


def servers(zone: Zone | None = None) -> list[tuple[str, int, str]]:
    zone = zone or Zone.objects.get()
    return list(zone.servers.values_list("address", "port", "key_name"))


def test_a_zone_is_followed_from_its_servers_in_their_order() -> None:
    said = run(NAME, "--server", "192.0.2.2#5300", "--server", "192.0.2.1", "--key", "transfer.ee")
    assert said == (
        f"{NAME} (forward) is followed now, from 192.0.2.2#5300 with key transfer.ee,"
        " 192.0.2.1#53 with key transfer.ee"
    )
    zone = Zone.objects.get()
    assert (zone.name, zone.kind, zone.source) == (NAME, ZoneKind.FORWARD, ZoneSource.SERVERS)
    assert servers() == [("192.0.2.2", 5300, "transfer.ee"), ("192.0.2.1", 53, "transfer.ee")]
    assert list(Zone.objects.due(timezone.now())) == [zone]
    record = AuditRecord.objects.get()
    assert (record.action, record.reason) == (AuditAction.REGISTRY_CHANGED, NAME)
    assert record.after is not None
    assert record.after["servers"][1] == "192.0.2.1#53 transfer.ee"


@pytest.mark.parametrize(
    ("arguments", "name", "kind"),
    [
        (["EE.NTHU.edu.tw.", "--server", "192.0.2.1"], NAME, "forward"),
        (["64.114.140.in-addr.arpa", "--server", "::1"], "64.114.140.in-addr.arpa", "reverse"),
        (["0/27.64.114.140.IN-ADDR.arpa", "--server", "::1"],
         "0/27.64.114.140.in-addr.arpa", "reverse"),
        (["8.b.d.0.1.0.0.2.ip6.arpa.", "--server", "::1"], "8.b.d.0.1.0.0.2.ip6.arpa", "reverse"),
        (["EE staff", "--file", "ee.csv"], "EE staff", "list"),
        (["Units.v2", "--kind", "list", "--file", "ee.csv"], "Units.v2", "list"),
        (["localzone", "--kind", "forward", "--server", "::1"], "localzone", "forward"),
    ],
)  # fmt: skip
def test_the_name_says_the_kind_unless_one_is_given(
    arguments: list[str], name: str, kind: str
) -> None:
    run(*arguments)
    assert Zone.objects.values_list("name", "kind").get() == (name, kind)


def test_saying_the_same_again_changes_nothing() -> None:
    words = (NAME, "--server", "192.0.2.1", "--key", "transfer.ee", "--loss-allowed", "30")
    run(*words)
    Zone.objects.update(next_check_at=timezone.now())
    before = Zone.objects.values().get()
    assert "is followed already" in run(*words)
    assert Zone.objects.values().get() == before
    assert AuditRecord.objects.count() == 1


def test_what_is_not_said_stays() -> None:
    run(NAME, "--server", "192.0.2.1", "--key", "transfer.ee", "--loss-allowed", "30")
    run(NAME, "--server", "192.0.2.1", "--server", "192.0.2.2")
    assert servers() == [("192.0.2.1", 53, "transfer.ee"), ("192.0.2.2", 53, "")]
    run(NAME, "--loss-allowed", "0")
    run(NAME, "--key", "")
    assert servers() == [("192.0.2.1", 53, ""), ("192.0.2.2", 53, "")]
    assert Zone.objects.get().loss_allowed == 0


def test_servers_that_are_not_named_any_more_go_and_the_order_is_the_new_one() -> None:
    run(NAME, "--server", "192.0.2.1", "--server", "192.0.2.2")
    run(NAME, "--server", "192.0.2.3", "--server", "192.0.2.1")
    assert [address for address, *_rest in servers()] == ["192.0.2.3", "192.0.2.1"]


def test_a_change_makes_the_zone_due_at_once() -> None:
    run(NAME, "--server", "192.0.2.1")
    Zone.objects.update(next_check_at=timezone.now() + timedelta(hours=1))
    run(NAME, "--server", "192.0.2.2")
    assert Zone.objects.get().next_check_at is None


def test_views_of_one_name_are_zones_of_their_own() -> None:
    run(NAME, "--server", "192.0.2.1", "--view", "inside")
    run(NAME, "--server", "192.0.2.2", "--view", "outside")
    run(NAME, "--server", "192.0.2.3")
    assert Zone.objects.count() == 3
    assert servers(Zone.objects.get(view="inside")) == [("192.0.2.1", 53, "")]


def test_a_zone_that_was_loaded_by_hand_is_followed_with_what_it_has() -> None:
    make_host(zone=Zone.objects.create(name=NAME, kind="forward", checked_at=timezone.now()))
    run(NAME, "--server", "192.0.2.1")
    zone = Zone.objects.get()
    assert (zone.hosts.count(), zone.checked_at) == (1, None)


def test_stopping_keeps_what_is_there() -> None:
    run(NAME, "--server", "192.0.2.1")
    make_host(zone=Zone.objects.get())
    Zone.objects.update(failing_since=timezone.now(), fault="down", hosts_count=1)
    assert run(NAME, "--stop") == f"{NAME} (forward) is followed no more; its 1 hosts stay"
    zone = Zone.objects.get()
    assert (zone.source, zone.fault, zone.failing_since) == (ZoneSource.HAND, "", None)
    assert (zone.hosts.count(), zone.next_check_at) == (1, None)
    assert "is not followed" in run(NAME, "--stop")


def test_a_key_that_is_not_in_the_file_is_stored_and_warned_of() -> None:
    err = io.StringIO()
    call_command(
        "follow_zone", NAME, "--server", "192.0.2.1", "--key", "Lost.", stdout=io.StringIO(),
        stderr=err,
    )  # fmt: skip
    assert servers() == [("192.0.2.1", 53, "lost")]
    assert "warning: 192.0.2.1#53" in err.getvalue()
    assert "has no key lost; it has transfer.ee" in err.getvalue()


def loaded(kind: str) -> None:
    Zone.objects.create(name=NAME, kind=kind, loaded_at=timezone.now())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([NAME], "say where it comes from"),
        ([NAME, "--server", "ns1.nthu.edu.tw"], "not ADDRESS or ADDRESS#PORT"),
        ([NAME, "--server", "192.0.2.1:53"], "not ADDRESS or ADDRESS#PORT"),
        ([NAME, "--server", "192.0.2.1#"], "does not end in a port"),
        ([NAME, "--server", "192.0.2.1#0"], "does not end in a port"),
        ([NAME, "--server", "192.0.2.1#65536"], "does not end in a port"),
        ([NAME, "--server", "192.0.2.1#٥٣"], "does not end in a port"),
        ([NAME, "--server", "fe80::1%eth0"], "zone index"),
        ([NAME, "--server", "192.0.2.1", "--file", "ee.zone"], "do not go together"),
        ([NAME, "--file", "ee.zone", "--key", "transfer.ee"], "--key is for --server"),
        ([NAME, "--file", "../ee.zone"], "not the name of a file"),
        ([NAME, "--file", "/etc/passwd"], "not the name of a file"),
        (["EE", "--server", "192.0.2.1"], "no name server has lists"),
        (["ee..tw", "--server", "192.0.2.1"], "is no zone's name"),
        ([".", "--kind", "forward", "--server", "192.0.2.1"], "the root zone"),
        (["x" * 64 + ".tw", "--server", "192.0.2.1"], "is no zone's name"),
        (["x" * 256, "--file", "ee.csv"], "1 to 255 characters"),
        ([NAME, "--server", "192.0.2.1", "--view", "v" * 51], "longer than 50"),
        ([NAME, "--server", "192.0.2.1", "--loss-allowed", "101"], "from 0 to 100"),
        ([NAME, "--server", "192.0.2.1", "--kind", "reverse"], "is loaded as forward"),
        (["other.nthu.edu.tw", "--stop"], "there is no zone"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    arguments: list[str], said: str
) -> None:
    loaded("forward")
    before = list(Zone.objects.values())
    with pytest.raises(CommandError, match=said):
        call_command("follow_zone", *arguments, stdout=io.StringIO())
    assert list(Zone.objects.values()) == before
    assert not ZoneServer.objects.exists()
    assert not AuditRecord.objects.exists()
