"""`import_networks` whole: all or nothing, said in one line."""

from __future__ import annotations

import pytest
from django.core.management.base import CommandError

from tests.whitelist.factories import make_network
from tests.whitelist.registry.conftest import Import
from whitelist.addresses import parse_address
from whitelist.models.audit import AuditAction, AuditRecord
from whitelist.models.network import Network
from whitelist.registry.lookup import find_network

pytestmark = pytest.mark.django_db

CSV = """cidr,kind,unit,contact
140.114.0.0/16,static,計通中心,net@example.edu.tw
140.114.76.0/22,wifi,,
2001:288:e001::/48,static,,
"""


def stored() -> set[tuple[str, str, str, str]]:
    return set(Network.objects.values_list("cidr", "kind", "unit", "contact"))


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_networks_are_added_and_found(run: Import, bom: str) -> None:
    said = run("import_networks", bom + CSV)
    assert said == "networks: 3 added, 0 updated, 0 removed, 0 unchanged\n"
    found = find_network(parse_address("140.114.77.1"))
    assert found is not None
    assert (found.cidr, found.kind) == ("140.114.76.0/22", "wifi")


def test_the_second_run_changes_nothing(run: Import) -> None:
    run("import_networks", CSV)
    before = stored(), AuditRecord.objects.count()
    assert run("import_networks", CSV).startswith("networks: 0 added, 0 updated, 0 removed, 3 un")
    assert (stored(), AuditRecord.objects.count()) == before


def test_networks_are_updated_and_others_stay(run: Import) -> None:
    make_network("10.0.0.0/8")
    make_network("140.114.76.0/22", "dhcp")
    said = run("import_networks", CSV)
    assert said == "networks: 2 added, 1 updated, 0 removed, 0 unchanged\n"
    assert Network.objects.get(cidr="140.114.76.0/22").kind == "wifi"
    assert Network.objects.filter(cidr="10.0.0.0/8").exists()


def test_a_file_without_unit_and_contact_leaves_what_is_stored(run: Import) -> None:
    run("import_networks", CSV)
    run("import_networks", "cidr,kind\n140.114.0.0/16,reserved\n")
    assert ("140.114.0.0/16", "reserved", "計通中心", "net@example.edu.tw") in stored()


def test_a_dry_run_says_what_would_change_and_changes_nothing(run: Import) -> None:
    make_network("140.114.76.0/22", "dhcp")
    before = stored()
    assert run("import_networks", CSV, "--dry-run") == (
        "networks: 2 added, 1 updated, 0 removed, 0 unchanged (dry run, nothing was changed)\n"
    )
    assert (stored(), AuditRecord.objects.count()) == (before, 0)


def test_nothing_is_applied_until_the_file_is_clean(run: Import) -> None:
    with pytest.raises(CommandError) as refused:
        run("import_networks", CSV + "140.114.64.1/24,static,,\n140.114.65.0/24,open,,\n")
    told = str(refused.value).splitlines()
    assert told[0] == "import_networks: nothing was applied"
    assert [line.split(":")[0] for line in told[1:]] == ["line 5", "line 6"]
    assert not stored()


def test_the_audit_says_how_much_changed(run: Import) -> None:
    run("import_networks", CSV)
    record = AuditRecord.objects.get(action=AuditAction.REGISTRY_CHANGED)
    assert record.reason == "networks"
    assert record.after == {"added": 3, "updated": 0, "removed": 0, "unchanged": 0}


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "128.0.0.0/7", "::/0", "2000::/15"])
def test_a_network_broader_than_any_campus_is_refused_by_line(run: Import, cidr: str) -> None:
    with pytest.raises(CommandError, match=rf"line 5: {cidr} is too broad: a /(8|16) is the"):
        run("import_networks", CSV + f"{cidr},static,,\n")
    assert not stored()


def test_the_broadest_networks_are_taken(run: Import) -> None:
    said = run("import_networks", "cidr,kind\n10.0.0.0/8,static\n2001::/16,reserved\n")
    assert said.startswith("networks: 2 added")
