"""Is this address registered? Each way of failing has its own reason."""

from __future__ import annotations

import random

import pytest
from django.db import connection
from django.utils import timezone

from tests.whitelist.factories import NOON, make_host, make_network, make_zone
from whitelist.addresses import parse_address
from whitelist.models.network import Network, NetworkKind
from whitelist.models.service_settings import RegistrationRule
from whitelist.models.zone import Zone, ZoneKind
from whitelist.registry.lookup import (
    AddressStatus,
    NamePolicy,
    NotRegistered,
    check_registered,
    find_network,
)

pytestmark = pytest.mark.django_db

ADDRESS = "140.114.64.154"
NAME = "lab154.ee.nthu.edu.tw"
OTHER = "other.ee.nthu.edu.tw"
POOL = "host-64-154.dynamic.nthu.edu.tw"
FORWARD = "ee.nthu.edu.tw"
REVERSE = "64.114.140.in-addr.arpa"
ANY = NamePolicy()
OURS = NamePolicy(suffixes=("nthu.edu.tw",))


def forward(name: str = NAME, address: str = ADDRESS, zone: str = FORWARD) -> None:
    make_host(address, name, zone=make_zone(zone, ZoneKind.FORWARD))


def reverse(name: str = NAME, address: str = ADDRESS, zone: str = REVERSE) -> None:
    make_host(address, name, zone=make_zone(zone, ZoneKind.REVERSE))


def loaded(name: str, kind: ZoneKind) -> None:
    Zone.objects.create(name=name, kind=kind, loaded_at=timezone.now())


def delegated(name: str, kind: ZoneKind) -> None:
    Zone.objects.create(name=name, kind=kind, loaded_at=None)


def name_of(address: str = ADDRESS, policy: NamePolicy = ANY) -> str:
    return check_registered(parse_address(address), policy, at=NOON).name


def refusal(address: str = ADDRESS, policy: NamePolicy = ANY) -> tuple[AddressStatus, str]:
    with pytest.raises(NotRegistered) as missing:
        check_registered(parse_address(address), policy, at=NOON)
    return missing.value.status, missing.value.standing.name


def test_an_address_without_any_name_has_no_name() -> None:
    make_host("140.114.64.155", NAME)
    assert refusal() == (AddressStatus.NO_NAME, "")


def test_a_name_of_a_list_counts_by_itself() -> None:
    host = make_host(ADDRESS, "anything.example.com", unit="EE", contact="x@example.edu.tw")
    found = check_registered(parse_address(ADDRESS), OURS, at=NOON)
    assert (found.name, found.zone, found.unit, found.contact) == (
        host.name, "csv", "EE", "x@example.edu.tw",
    )  # fmt: skip


def test_a_list_outweighs_zones_that_do_not_agree() -> None:
    reverse(OTHER)
    loaded(FORWARD, ZoneKind.FORWARD)
    make_host(ADDRESS, NAME)
    assert name_of() == NAME


def test_forward_and_reverse_that_agree_are_a_registration() -> None:
    forward()
    reverse()
    assert name_of() == NAME


def test_a_reverse_name_needs_its_forward_name_where_that_zone_is_known() -> None:
    reverse()
    loaded(FORWARD, ZoneKind.FORWARD)
    assert refusal() == (AddressStatus.NEEDS_FORWARD, NAME)


def test_a_forward_name_of_another_address_is_no_agreement() -> None:
    reverse()
    forward(address="140.114.64.155")
    assert refusal() == (AddressStatus.NEEDS_FORWARD, NAME)


def test_two_names_that_differ_are_no_agreement() -> None:
    reverse()
    forward(OTHER)
    assert refusal() == (AddressStatus.NEEDS_FORWARD, NAME)


def test_a_forward_name_needs_its_reverse_name_where_that_zone_is_known() -> None:
    forward()
    loaded(REVERSE, ZoneKind.REVERSE)
    assert refusal() == (AddressStatus.NEEDS_REVERSE, NAME)


@pytest.mark.parametrize("parent", ["nthu.edu.tw", "tw"])
def test_a_zone_above_the_name_speaks_for_it(parent: str) -> None:
    reverse()
    loaded(parent, ZoneKind.FORWARD)
    assert refusal() == (AddressStatus.NEEDS_FORWARD, NAME)


@pytest.mark.parametrize("parent", ["114.140.in-addr.arpa", "140.in-addr.arpa"])
def test_a_zone_above_the_address_speaks_for_it(parent: str) -> None:
    forward()
    loaded(parent, ZoneKind.REVERSE)
    assert refusal() == (AddressStatus.NEEDS_REVERSE, NAME)


def test_a_zone_beside_the_name_does_not_speak_for_it() -> None:
    reverse()
    loaded("e.nthu.edu.tw", ZoneKind.FORWARD)
    loaded("154.ee.nthu.edu.tw", ZoneKind.FORWARD)
    assert name_of() == NAME


def test_one_half_is_enough_where_the_other_zone_is_not_known() -> None:
    reverse()
    assert name_of() == NAME
    forward("v6.ee.nthu.edu.tw", "2001:288:e001::9")
    assert name_of("2001:288:e001::9") == "v6.ee.nthu.edu.tw"


def test_one_half_is_enough_where_the_other_zone_is_delegated_to_others() -> None:
    reverse()
    loaded("nthu.edu.tw", ZoneKind.FORWARD)
    delegated(FORWARD, ZoneKind.FORWARD)
    assert name_of() == NAME


@pytest.mark.parametrize(
    "child", [REVERSE, f"128/25.{REVERSE}", f"128-255.{REVERSE}", f"152-29.{REVERSE}"]
)
def test_one_half_is_enough_where_the_addresses_are_delegated_to_others(child: str) -> None:
    forward()
    loaded("114.140.in-addr.arpa", ZoneKind.REVERSE)
    delegated(child, ZoneKind.REVERSE)
    assert name_of() == NAME


def test_a_delegation_of_other_addresses_changes_nothing() -> None:
    forward()
    loaded(REVERSE, ZoneKind.REVERSE)
    delegated(f"0/25.{REVERSE}", ZoneKind.REVERSE)
    assert refusal() == (AddressStatus.NEEDS_REVERSE, NAME)


@pytest.mark.parametrize("sources", [("list",), ("reverse",), ("forward", "reverse")])
def test_a_generated_name_is_no_registration_whoever_states_it(sources: tuple[str, ...]) -> None:
    if "list" in sources:
        make_host(ADDRESS, POOL)
    if "forward" in sources:
        forward(POOL, zone="nthu.edu.tw")
    if "reverse" in sources:
        reverse(POOL)
    assert refusal() == (AddressStatus.GENERATED_NAME, POOL)


def test_a_generated_name_without_its_other_half_is_still_a_generated_name() -> None:
    reverse(POOL)
    loaded("nthu.edu.tw", ZoneKind.FORWARD)
    assert refusal() == (AddressStatus.GENERATED_NAME, POOL)


def test_a_name_that_people_gave_counts_beside_a_generated_one() -> None:
    reverse(POOL)
    reverse(NAME)
    forward(NAME)
    assert name_of() == NAME


def test_a_half_registered_name_is_told_before_a_generated_one() -> None:
    reverse(POOL)
    reverse(NAME)
    loaded(FORWARD, ZoneKind.FORWARD)
    assert refusal() == (AddressStatus.NEEDS_FORWARD, NAME)


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (RegistrationRule.AGREEING, (AddressStatus.NEEDS_FORWARD, NAME)),
        (RegistrationRule.REVERSE, NAME),
        (RegistrationRule.FORWARD, OTHER),
    ],
)
def test_the_rule_says_which_half_counts(rule: RegistrationRule, outcome: object) -> None:
    reverse(NAME)
    forward(OTHER)
    policy = NamePolicy(rule)
    answer = refusal(policy=policy) if isinstance(outcome, tuple) else name_of(policy=policy)
    assert answer == outcome


def test_under_a_one_sided_rule_the_other_half_alone_is_not_enough() -> None:
    reverse(NAME)
    assert refusal(policy=NamePolicy(RegistrationRule.FORWARD)) == (
        AddressStatus.NEEDS_FORWARD,
        NAME,
    )
    forward(NAME, "140.114.64.160")
    assert refusal("140.114.64.160", NamePolicy(RegistrationRule.REVERSE)) == (
        AddressStatus.NEEDS_REVERSE,
        NAME,
    )


@pytest.mark.parametrize("name", ["pc.example.com", "pc.notnthu.edu.tw", "nthu.edu.tw.evil.com"])
def test_a_reverse_name_outside_the_suffixes_is_no_name_of_ours(name: str) -> None:
    reverse(name)
    assert name_of(policy=ANY) == name
    assert refusal(policy=OURS) == (AddressStatus.NO_NAME, "")


@pytest.mark.parametrize("name", ["pc.nthu.edu.tw", "pc.ee.nthu.edu.tw"])
def test_a_reverse_name_under_a_suffix_is_ours(name: str) -> None:
    reverse(name)
    assert name_of(policy=OURS) == name


def test_a_name_in_a_forward_zone_that_we_hold_is_ours_without_a_suffix() -> None:
    reverse("pc.lab.example")
    forward("pc.lab.example", zone="lab.example")
    assert name_of(policy=OURS) == "pc.lab.example"


def test_every_spelling_of_an_ipv6_address_finds_its_name() -> None:
    make_host("2001:288:E001:0::9", NAME)
    assert name_of("2001:288:e001::9") == name_of("2001:288:E001:0:0:0:0:9") == NAME


def test_the_most_specific_network_is_found() -> None:
    for cidr in ("0.0.0.0/0", "140.114.0.0/16", "140.114.64.0/24", "140.114.64.128/25"):
        make_network(cidr, NetworkKind.STATIC)
    make_network("140.114.64.154/32", NetworkKind.DHCP)
    make_network("140.114.64.155/32", NetworkKind.WIFI)
    for address, cidr in (
        ("140.114.64.154", "140.114.64.154/32"),
        ("140.114.64.153", "140.114.64.128/25"),
        ("140.114.64.127", "140.114.64.0/24"),
        ("140.114.65.0", "140.114.0.0/16"),
        ("140.113.255.255", "0.0.0.0/0"),
        ("140.115.0.0", "0.0.0.0/0"),
    ):
        found = find_network(parse_address(address))
        assert found is not None
        assert found.cidr == cidr


def test_the_families_do_not_meet() -> None:
    make_network("::/0")
    assert find_network(parse_address("140.114.64.154")) is None
    make_network("0.0.0.0/0")
    found = find_network(parse_address("2001:288:e001::9"))
    assert found is not None
    assert found.cidr == "::/0"


@pytest.fixture
def ten_thousand_networks() -> None:
    networks = [Network(cidr=f"10.{i >> 8}.{i & 255}.0/24", kind="static") for i in range(9_000)]
    networks += [Network(cidr=f"2001:288:{i:x}::/48", kind="static") for i in range(1_000)]
    networks.append(Network(cidr="10.0.0.0/8", kind="reserved"))
    for network in networks:
        network.set_bounds()
    Network.objects.bulk_create(networks)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE whitelist_network")


@pytest.mark.usefixtures("ten_thousand_networks")
def test_among_ten_thousand_networks_the_index_is_used() -> None:
    for address in ("10.7.7.7", "2001:288:77::1"):
        query = Network.objects.containing(parse_address(address))[:1]
        plan = query.explain()
        assert "network_longest_prefix" in plan
        assert "SORT" not in plan.upper().replace("SORT KEY", "")
        assert "TEMP B-TREE" not in plan.upper()


@pytest.mark.usefixtures("ten_thousand_networks")
def test_among_ten_thousand_networks_the_right_one_is_found() -> None:
    chooser = random.Random(2026)  # noqa: S311
    for _ in range(50):
        number = chooser.randrange(9_000)
        found = find_network(parse_address(f"10.{number >> 8}.{number & 255}.9"))
        assert found is not None
        assert found.cidr == f"10.{number >> 8}.{number & 255}.0/24"
    found = find_network(parse_address("10.255.0.1"))
    assert found is not None
    assert found.cidr == "10.0.0.0/8"
    assert find_network(parse_address("11.0.0.1")) is None
