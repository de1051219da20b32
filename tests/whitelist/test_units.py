"""Whose address is it: the lookup by network, and what units hold after others are cut out."""

from __future__ import annotations

import ipaddress

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.whitelist.factories import make_host, make_network
from whitelist.addresses import AddressError, parse_address
from whitelist.models import AuditRecord, Host, UnitMembership
from whitelist.models.lookups import common_text, is_within
from whitelist.units import GROUP, cidrs_of, in_units, is_of_units, own_spans, units_of

pytestmark = pytest.mark.django_db

ADDRESSES = (
    "140.114.63.255", "140.114.64.0", "140.114.64.1", "140.114.64.127", "140.114.64.128",
    "140.114.64.255", "140.114.65.0", "140.114.6.4", "14.0.114.64", "140.115.0.1",
    "2001:288:e001::1", "2001:288:e001:5::1", "2001:288:e00f::1", "2001:288:e010::1",
    "2001:288::1", "2001:288:0:1::1", "2001:db8::1",
)  # fmt: skip
NETWORKS = (
    "140.114.64.0/24", "140.114.64.0/23", "140.114.0.0/16", "140.114.64.128/25", "140.0.0.0/8",
    "140.114.64.1/32", "140.114.64.0/31", "128.0.0.0/4", "0.0.0.0/0",
    "2001:288:e001::/48", "2001:288:e000::/44", "2001:288::/32", "2001:288::/48",
    "2001:288:0:1::/64", "2001:db8::1/128", "2000::/3", "::/0",
)  # fmt: skip


def expected(cidr: str) -> set[str]:
    network = ipaddress.ip_network(cidr)
    return {text for text in ADDRESSES if ipaddress.ip_address(text) in network}


@pytest.mark.parametrize("cidr", NETWORKS)
def test_a_network_finds_its_addresses_and_no_others(cidr: str) -> None:
    for address in ADDRESSES:
        make_host(address)
    found = Host.objects.filter(address__within=cidr).values_list("address", flat=True)
    assert set(found) == expected(cidr)
    outside = Host.objects.exclude(address__within=ipaddress.ip_network(cidr))
    assert set(outside.values_list("address", flat=True)) == set(ADDRESSES) - expected(cidr)


def test_a_column_without_an_address_lies_in_no_network() -> None:
    AuditRecord.objects.create(at="2026-11-24T00:00:00Z", action="x", actor_kind="system")
    assert not AuditRecord.objects.filter(address__within="140.114.64.0/25").exists()


@pytest.mark.parametrize("text", ["", "140.114.64.0", "140.114.64.1/24", "x/8", "' OR 1=1"])
def test_what_is_no_network_is_an_error(text: str) -> None:
    with pytest.raises(AddressError):
        Host.objects.filter(address__within=text).exists()


@pytest.mark.parametrize("cidr", ["140.114.64.0/24", "140.114.64.0/26", "2001:288:e001::/48"])
def test_the_index_finds_a_network(cidr: str) -> None:
    if connection.vendor == "sqlite":
        plan = Host.objects.filter(address__within=cidr).explain()
        assert "host_by_address" in plan
        assert "SCAN" not in plan
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "host_by_address" in Host.objects.filter(address__within=cidr).explain()


networks = st.one_of(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
        lambda pair: ipaddress.ip_network((pair[0], pair[1]), strict=False)
    ),
    st.tuples(
        st.lists(st.sampled_from([0, 0, 1, 0x288, 0xE001, 0xFFFF]), min_size=8, max_size=8),
        st.integers(0, 128),
    ).map(lambda pair: ipaddress.ip_network((of_groups(pair[0]), pair[1]), strict=False)),
)


def of_groups(groups: list[int]) -> int:
    number = 0
    for group in groups:
        number = number << 16 | group
    # As IPv6 whatever it is: a small number would be taken for IPv4.
    return number | 0x2001 << 112


@given(networks, st.data())
def test_every_address_of_a_network_begins_as_is_said(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(0, min(network.num_addresses - 1, 2**64)))
    address = network[offset]
    beginning, is_exact = common_text(network)
    assert str(address).startswith(beginning)
    if not is_exact:
        return
    outside = ipaddress.ip_address((int(address) + network.num_addresses) % 2**32)
    assert not str(outside).startswith(beginning)


class SpansOfUnits(TestCase):
    """Against the definition: the most specific network around an address decides."""

    @settings(max_examples=30, deadline=None)
    @given(
        st.dictionaries(
            st.tuples(st.integers(0, 255), st.integers(24, 32)), st.booleans(), max_size=12
        )
    )
    def test_what_units_hold_is_what_their_most_specific_networks_hold(
        self, drawn: dict[tuple[int, int], bool]
    ) -> None:
        base = int(ipaddress.ip_address("140.114.64.0"))
        rows = {
            ipaddress.ip_network((base + last, length), strict=False): own
            for (last, length), own in drawn.items()
        }
        for network, own in rows.items():
            make_network(str(network), unit="ours" if own else "theirs")
        cidrs = cidrs_of(frozenset({"ours"}))
        for last in range(256):
            address = ipaddress.IPv4Address(base + last)
            around = [network for network in rows if address in network]
            best = max(around, key=lambda network: network.prefixlen, default=None)
            mine = best is not None and rows[best]
            assert any(address in cidr for cidr in cidrs) is mine
            if last % 16 == 0:
                assert is_of_units(parse_address(str(address)), frozenset({"ours"})) is mine


def test_a_network_of_another_unit_inside_ones_own_is_not_ones_own() -> None:
    make_network("140.114.0.0/16", unit="center")
    make_network("140.114.64.0/24", unit="ours")
    make_network("140.114.64.128/25", unit="theirs")
    make_network("140.114.64.192/26", unit="ours")
    make_network("2001:288:e001::/48", unit="ours")
    for address in ADDRESSES:
        make_host(address)
    make_host("140.114.64.200")
    own = Host.objects.filter(in_units(frozenset({"ours"}))).values_list("address", flat=True)
    assert set(own) == {
        "140.114.64.0", "140.114.64.1", "140.114.64.127", "140.114.64.200", "140.114.64.255",
        "2001:288:e001::1", "2001:288:e001:5::1",
    }  # fmt: skip


def test_no_unit_holds_nothing() -> None:
    make_network("140.114.64.0/24", unit="")
    make_host()
    assert not Host.objects.filter(in_units(frozenset())).exists()
    assert not is_of_units(parse_address("140.114.64.154"), frozenset())


def test_spans_need_no_database() -> None:
    assert list(own_spans([(0, 99, True), (10, 19, False), (15, 16, True), (99, 99, False)])) == [
        (0, 9),
        (15, 16),
        (20, 98),
    ]
    assert list(own_spans([])) == []


def test_who_is_confined_to_what() -> None:
    plain, member, both, grouped = (
        User.objects.create_user(name) for name in ("plain", "member", "both", "grouped")
    )
    chief = User.objects.create_superuser("chief")
    group = Group.objects.get(name=GROUP)
    for user in (both, grouped, chief):
        user.groups.add(group)
    for user in (member, both, chief):
        UnitMembership.objects.create(user=user, unit="EE")
    UnitMembership.objects.create(user=both, unit="Physics")
    assert units_of(plain) is None
    assert units_of(AnonymousUser()) is None
    assert units_of(chief) is None
    assert units_of(member) == frozenset({"EE"})
    assert units_of(both) == frozenset({"EE", "Physics"})
    assert units_of(grouped) == frozenset()


def test_a_unit_without_a_name_holds_nothing_and_confines_all_the_same() -> None:
    user = User.objects.create_user("lin")
    UnitMembership.objects.create(user=user, unit="")
    assert units_of(user) == frozenset()


def test_the_function_of_sqlite_leaves_null_alone() -> None:
    assert is_within(None, "140.114.64.0/24") is None
    assert is_within("2001:db8::1", "0.0.0.0/0") is False
