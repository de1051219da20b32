"""`import_registry` whole: all or nothing, said in one line."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.whitelist.factories import make_host, make_zone
from tests.whitelist.registry.conftest import Import
from tests.whitelist.registry.zones import (
    FORWARD_HOSTS,
    MESSY_FORWARD,
    MESSY_REVERSE,
    REVERSE_HOSTS,
)
from whitelist.models.audit import ActorKind, AuditAction, AuditRecord
from whitelist.models.host import Host
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry import import_files

pytestmark = pytest.mark.django_db

CSV = ("--format", "csv")
ZONE = ("--format", "zone")
HEADER = "address,hostname,unit,contact\n"
BOM = "\ufeff"


def csv_of(count: int, *, start: int = 1, unit: str = "EE") -> str:
    lines = (
        f"10.0.{number // 250}.{number % 250 + 1},pc{number}.ee.nthu.edu.tw,{unit},\n"
        for number in range(start, start + count)
    )
    return HEADER + "".join(lines)


def stored() -> set[tuple[str, str, str, str, str]]:
    return set(Host.objects.values_list("zone__name", "address", "name", "unit", "contact"))


@pytest.mark.parametrize("bom", ["", BOM], ids=["without BOM", "with BOM"])
def test_a_list_is_added_and_the_command_says_so_in_one_line(run: Import, bom: str) -> None:
    said = run("import_registry", bom + csv_of(3), *CSV)
    assert said == "list csv: 3 added, 0 updated, 0 removed, 0 unchanged\n"
    assert Zone.objects.get().kind == ZoneKind.LIST
    assert Zone.objects.get().loaded_at is not None
    assert ("csv", "10.0.0.2", "pc1.ee.nthu.edu.tw", "EE", "") in stored()


def test_the_second_run_changes_nothing(run: Import) -> None:
    run("import_registry", csv_of(3), *CSV)
    before = stored(), AuditRecord.objects.count()
    said = run("import_registry", csv_of(3), *CSV)
    assert said == "list csv: 0 added, 0 updated, 0 removed, 3 unchanged\n"
    assert (stored(), AuditRecord.objects.count()) == before


def test_units_and_contacts_are_updated_and_other_hosts_stay(run: Import) -> None:
    run("import_registry", csv_of(3), *CSV)
    said = run("import_registry", csv_of(1, unit="物理學系") + "", *CSV)
    assert said == "list csv: 0 added, 1 updated, 0 removed, 0 unchanged\n"
    units = dict(Host.objects.values_list("name", "unit"))
    assert units["pc1.ee.nthu.edu.tw"] == "物理學系"
    assert units["pc2.ee.nthu.edu.tw"] == "EE"


def test_a_file_without_unit_and_contact_leaves_what_is_stored(run: Import) -> None:
    run("import_registry", csv_of(1), *CSV)
    said = run("import_registry", "address,hostname\n10.0.0.2,pc1.ee.nthu.edu.tw\n", *CSV)
    assert said == "list csv: 0 added, 0 updated, 0 removed, 1 unchanged\n"
    assert Host.objects.get().unit == "EE"


def test_an_empty_unit_in_the_file_empties_what_is_stored(run: Import) -> None:
    run("import_registry", csv_of(1), *CSV)
    run("import_registry", csv_of(1, unit=""), *CSV)
    assert Host.objects.get().unit == ""


def test_each_list_has_hosts_of_its_own(run: Import) -> None:
    run("import_registry", csv_of(2), *CSV)
    said = run("import_registry", csv_of(1), *CSV, "--source", "physics", "--replace")
    assert said == "list physics: 1 added, 0 updated, 0 removed, 0 unchanged\n"
    assert Host.objects.filter(zone__name="csv").count() == 2


@pytest.mark.parametrize("options", [(), ("--replace",)])
def test_a_dry_run_says_what_would_change_and_changes_nothing(
    run: Import, options: tuple[str, ...]
) -> None:
    run("import_registry", csv_of(10), *CSV)
    before = stored(), AuditRecord.objects.count(), list(Zone.objects.values_list("loaded_at"))
    content = csv_of(9, start=2, unit="CS").replace("pc10.", "new10.")
    said = run("import_registry", content, *CSV, *options, "--dry-run")
    removed = 2 if options else 0
    assert said == (
        f"list csv: 1 added, 8 updated, {removed} removed, 0 unchanged"
        " (dry run, nothing was changed)\n"
    )
    after = stored(), AuditRecord.objects.count(), list(Zone.objects.values_list("loaded_at"))
    assert after == before
    assert said.split(" (")[0] == run("import_registry", content, *CSV, *options).strip()


def test_a_dry_run_of_a_new_source_leaves_no_trace(run: Import) -> None:
    run("import_registry", csv_of(1), *CSV, "--dry-run")
    assert not Zone.objects.exists()


def test_nothing_is_applied_until_the_file_is_clean(run: Import) -> None:
    run("import_registry", csv_of(2), *CSV)
    before = stored()
    broken = csv_of(50, start=3) + "10.0.9.300,pc.ee.nthu.edu.tw,,\n10.0.9.1,pc,,\n"
    with pytest.raises(CommandError) as refused:
        run("import_registry", broken, *CSV, "--replace", "--accept-loss")
    assert str(refused.value) == (
        "import_registry: nothing was applied\n"
        "line 52: not an IP address: '10.0.9.300'\n"
        "line 53: 'pc' is not a full domain name"
    )
    assert stored() == before


def test_two_lines_that_contradict_each_other_are_named(run: Import) -> None:
    twice = csv_of(2) + "10.0.0.2,PC1.ee.nthu.edu.tw,CS,\n"
    with pytest.raises(CommandError, match=r"line 4: pc1\.ee\.nthu\.edu\.tw stands on line 2 too"):
        run("import_registry", twice, *CSV)
    assert not stored()


def test_a_line_that_stands_twice_is_one_host(run: Import) -> None:
    twice = csv_of(2) + "10.0.0.2,PC1.ee.nthu.edu.tw,EE,\n"
    assert run("import_registry", twice, *CSV).startswith("list csv: 2 added,")


@pytest.mark.parametrize("kept", [8, 9, 10])
def test_a_list_may_lose_exactly_a_fifth_unasked(run: Import, kept: int) -> None:
    run("import_registry", csv_of(10), *CSV)
    said = run("import_registry", csv_of(kept), *CSV, "--replace")
    assert f" {10 - kept} removed," in said
    assert Host.objects.count() == kept


@pytest.mark.parametrize(
    ("kept", "why"),
    [(0, "and nothing would be left"), (1, "more than 20 %"), (7, "more than 20 %")],
)
def test_a_list_loses_more_than_a_fifth_only_where_that_is_accepted(
    run: Import, kept: int, why: str
) -> None:
    run("import_registry", csv_of(10), *CSV)
    before = stored(), AuditRecord.objects.count()
    said = (
        f"csv would lose {10 - kept} of its 10 addresses, {why}:"
        " if that is meant, say --accept-loss"
    )
    for options in ((), ("--dry-run",)):
        with pytest.raises(CommandError, match=re.escape(said)):
            run("import_registry", csv_of(kept), *CSV, "--replace", *options)
        assert (stored(), AuditRecord.objects.count()) == before
    run("import_registry", csv_of(kept), *CSV, "--replace", "--accept-loss")
    assert Host.objects.count() == kept


def test_more_than_a_fifth_counts_what_goes_not_what_is_left(run: Import) -> None:
    """Fifty names for three old addresses, out of ten: the list grows, and still loses a third."""
    run("import_registry", csv_of(10), *CSV)
    with pytest.raises(CommandError, match="would lose 3 of its 10 addresses"):
        run("import_registry", csv_of(50, start=4), *CSV, "--replace")


def test_new_names_for_all_addresses_are_no_loss(run: Import) -> None:
    run("import_registry", csv_of(10), *CSV)
    said = run("import_registry", csv_of(10).replace(",pc", ",lab"), *CSV, "--replace")
    assert said == "list csv: 10 added, 0 updated, 10 removed, 0 unchanged\n"


def test_without_replace_nothing_is_lost(run: Import) -> None:
    run("import_registry", csv_of(10), *CSV)
    run("import_registry", csv_of(1, start=100), *CSV)
    assert Host.objects.count() == 11


def test_the_audit_says_who_changed_how_much(run: Import) -> None:
    run("import_registry", csv_of(3), *CSV)
    record = AuditRecord.objects.get(action=AuditAction.REGISTRY_CHANGED)
    assert record.actor_kind == ActorKind.SYSTEM
    assert record.actor
    assert record.reason == "csv"
    assert record.after == {
        "serial": None,
        "replace": False,
        "added": 3,
        "updated": 0,
        "removed": 0,
        "unchanged": 0,
        "addresses_lost": 0,
        "entries_hit": 0,
    }


def test_a_forward_and_a_reverse_zone_are_imported_with_what_they_leave_out(run: Import) -> None:
    said = run("import_registry", MESSY_FORWARD, *ZONE)
    assert said.startswith(
        "forward ee.nthu.edu.tw: 7 added, 0 updated, 0 removed, 0 unchanged; left out 61:"
        " 50 made by $GENERATE, 4 below a zone cut, 2 wildcard, "
    )
    assert said.count("\n") == 1
    said = run("import_registry", MESSY_REVERSE, *ZONE)
    assert said.startswith("reverse 114.140.in-addr.arpa: 3 added,")
    assert "1 target without final dot" in said
    assert {(address, name) for _zone, address, name, *_rest in stored()} == (
        FORWARD_HOSTS | REVERSE_HOSTS
    )
    zone = Zone.objects.get(name="ee.nthu.edu.tw")
    assert (zone.serial, zone.hosts_count) == (2026112401, 7)
    assert sum(zone.left_out.values()) == 61
    assert zone.left_out["wildcard"] == zone.omitted_records.filter(reason="wildcard").count() == 2


def test_no_wildcard_is_ever_stored(run: Import) -> None:
    run("import_registry", MESSY_FORWARD, *ZONE)
    run("import_registry", MESSY_REVERSE, *ZONE)
    assert not Host.objects.filter(name__contains="*").exists()


def test_a_zone_that_is_replaced_loses_what_is_gone_and_keeps_units(run: Import) -> None:
    zone = make_zone("ee.nthu.edu.tw", ZoneKind.FORWARD)
    make_host("140.114.64.154", "lab154.ee.nthu.edu.tw", zone=zone, unit="EE")
    make_host("140.114.64.155", "gone.ee.nthu.edu.tw", zone=zone)
    run("import_registry", MESSY_FORWARD, *ZONE)
    assert Host.objects.filter(name="gone.ee.nthu.edu.tw").exists()
    said = run("import_registry", MESSY_FORWARD, *ZONE, "--replace")
    assert said.startswith("forward ee.nthu.edu.tw: 0 added, 0 updated, 1 removed, 7 unchanged;")
    assert Host.objects.get(address="140.114.64.154").unit == "EE"


def test_a_zone_file_is_refused_with_its_bad_lines(run: Import) -> None:
    with pytest.raises(CommandError, match=rf"line {MESSY_FORWARD.count(10) + 1}: \$INCLUDE"):
        run("import_registry", MESSY_FORWARD + b"$INCLUDE /etc/passwd\n", *ZONE)
    assert not Zone.objects.exists()


def test_origin_names_the_zone_of_a_file_that_does_not(run: Import) -> None:
    text = "@ IN SOA ns1 root 1 2 3 4 5\n154 PTR lab154.ee.nthu.edu.tw.\n"
    with pytest.raises(CommandError, match="give --origin"):
        run("import_registry", text, *ZONE)
    said = run("import_registry", text, *ZONE, "--origin", "64.114.140.in-addr.arpa")
    assert said.startswith("reverse 64.114.140.in-addr.arpa: 1 added,")


def test_delegated_zones_are_remembered_as_long_as_they_are_cut_off(run: Import) -> None:
    run("import_registry", MESSY_REVERSE, *ZONE)
    delegated = {"71.114.140.in-addr.arpa", "0/27.88.114.140.in-addr.arpa"}
    unloaded = Zone.objects.filter(loaded_at=None)
    assert set(unloaded.values_list("name", flat=True)) == delegated
    without = MESSY_REVERSE.replace(b"71 IN NS", b"; ")
    run("import_registry", without, *ZONE, "--replace", "--accept-loss")
    assert unloaded.get().name == "0/27.88.114.140.in-addr.arpa"


def test_a_delegated_zone_that_was_loaded_stays_when_its_parent_is_replaced(run: Import) -> None:
    child = "$ORIGIN 71.114.140.in-addr.arpa.\n@ SOA a. b. 1 2 3 4 5\n5 PTR pc5.cs.nthu.edu.tw.\n"
    run("import_registry", child + "9 NS ns.x.tw.\n", *ZONE)
    run("import_registry", MESSY_REVERSE, *ZONE, "--replace")
    assert Zone.objects.get(name="71.114.140.in-addr.arpa").hosts.count() == 1
    assert Zone.objects.filter(name="9.71.114.140.in-addr.arpa").exists()


def test_a_source_keeps_its_kind(run: Import) -> None:
    make_zone("ee.nthu.edu.tw", ZoneKind.LIST)
    with pytest.raises(CommandError, match="is stored as list, and this is forward"):
        run("import_registry", MESSY_FORWARD, *ZONE)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((*CSV, "--origin", "nthu.edu.tw"), "--origin is for"),
        ((*ZONE, "--source", "x"), "--source is for"),
        ((*CSV, "--source", "x" * 256), "longer than 255"),
        ((), "--format"),
        (("--format", "xls"), "invalid choice"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(
    run: Import, options: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        run("import_registry", csv_of(1), *options)


def test_a_file_that_is_not_there_is_one_line() -> None:
    with pytest.raises(CommandError, match=r"cannot read /nowhere: No such file or directory$"):
        call_command("import_registry", "/nowhere", *CSV)


@pytest.mark.parametrize(("options", "content"), [(CSV, csv_of(2).encode()), (ZONE, MESSY_FORWARD)])
def test_a_dash_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], content: bytes
) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_args: int) -> int:
            raise io.UnsupportedOperation("a pipe")

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(content)))
    call_command("import_registry", "-", *options, stdout=io.StringIO())
    assert Host.objects.exists()


def test_the_shell_sees_success_and_failure_by_the_exit_status(tmp_path: Path) -> None:
    """A process of its own, on a database of its own."""
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(csv_of(2))
    bad.write_text(csv_of(2) + "x,y,,\n")
    root = Path(__file__).resolve().parents[3]
    environment = {
        "SECRET_KEY": "x" * 60,
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/own.sqlite3",
        "PATH": "/usr/bin:/bin",
    }

    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert manage("migrate", "--verbosity", "0").returncode == 0
    done = manage("import_registry", str(good), *CSV)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "list csv: 2 added, 0 updated, 0 removed, 0 unchanged\n"
    failed = manage("import_registry", str(bad), *CSV)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "line 4: not an IP address: 'x'" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert manage("import_networks", str(good)).returncode == 1


def test_only_a_slow_import_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "hosts.csv"
    file.write_text(csv_of(10_000))

    def told() -> list[str]:
        stderr = io.StringIO()
        call_command("import_registry", str(file), *CSV, stdout=io.StringIO(), stderr=stderr)
        return stderr.getvalue().splitlines()

    monkeypatch.setattr(import_files, "SLOW_SECONDS", 3600.0)
    assert told() == []
    monkeypatch.setattr(import_files, "SLOW_SECONDS", 0.0)
    assert told() == ["5,000 hosts read …", "10,000 hosts read …"]
