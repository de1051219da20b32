"""Names under in-addr.arpa and ip6.arpa, and the addresses they stand or were meant for."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whitelist.addresses import AddressError, parse_address
from whitelist.registry.reverse_names import (
    is_in_child,
    meant_address,
    plain_ipv4,
    reverse_address,
    reverse_zone_names,
)

V4 = "140.114.64.154"
V6 = "2001:288:e001:64::154"


@pytest.mark.parametrize(
    ("owner", "address"),
    [
        ("154.64.114.140.in-addr.arpa", V4),
        ("154.128/25.64.114.140.in-addr.arpa", V4),
        ("001.64.114.140.in-addr.arpa", "140.114.64.1"),
        ("000.64.114.140.in-addr.arpa", "140.114.64.0"),
        ("154.064.114.140.in-addr.arpa", V4),
        ("0154.64.114.140.in-addr.arpa", V4),
        ("020.0/27.64.114.140.in-addr.arpa", "140.114.64.20"),
        ("154.64.114.140.in-addr.arpa.64.114.140.in-addr.arpa", V4),
        ("154.64.114.140.in-addr.arpa.ee.nthu.edu.tw", V4),
        ("154.064.114.140.in-addr.arpa.114.140.in-addr.arpa", V4),
        (f"{ipaddress.ip_address(V6).reverse_pointer}.ip6.arpa", V6),
        # whose was it?
        ("300.64.114.140.in-addr.arpa", None),
        ("0300.64.114.140.in-addr.arpa", None),
        ("foo.64.114.140.in-addr.arpa", None),
        ("1-2.64.114.140.in-addr.arpa", None),
        ("1\\.2.64.114.140.in-addr.arpa", None),
        ("64.114.140.in-addr.arpa", None),
        ("5.30.64.114.140.in-addr.arpa", None),
        ("40.0/27.64.114.140.in-addr.arpa", None),
        ("*.64.114.140.in-addr.arpa", None),
        ("001.000.000.224.in-addr.arpa", None),
        ("4.5.1.ip6.arpa", None),
        ("154.64.114.140.in-addr.arpanet.tw", None),
        ("pc1.ee.nthu.edu.tw", None),
        ("", None),
    ],
)
def test_the_address_that_an_owner_was_meant_for_is_told_only_without_doubt(
    owner: str, address: str | None
) -> None:
    assert meant_address(owner) == address


@pytest.mark.parametrize(
    ("owner", "is_one"),
    [
        ("20.0/27.64.114.140.in-addr.arpa", True),
        ("20.0-31.64.114.140.in-addr.arpa", True),
        ("40.0/27.64.114.140.in-addr.arpa", True),
        ("20.64.114.140.in-addr.arpa", False),
        ("20.ee.64.114.140.in-addr.arpa", False),
        ("0/27.64.114.140.in-addr.arpa", False),
        ("a.20.0/27.64.114.140.in-addr.arpa", False),
        ("20.0/27.64.114.140.example.tw", False),
    ],
)
def test_the_spelling_of_a_classless_delegation_is_told(owner: str, is_one: bool) -> None:
    assert is_in_child(owner) is is_one


@pytest.mark.parametrize(
    ("owner", "address"),
    [
        ("154.64.114.140.in-addr.arpa", V4),
        ("154.128/25.64.114.140.in-addr.arpa", V4),
        ("154.128-25.64.114.140.in-addr.arpa", V4),
        ("154.128-255.64.114.140.in-addr.arpa", V4),
        ("20.0/27.64.114.140.in-addr.arpa", "140.114.64.20"),
        ("20.0-31.64.114.140.in-addr.arpa", "140.114.64.20"),
        (f"{ipaddress.ip_address(V6).reverse_pointer}", V6),
        # no address of a computer
        ("20.0/27.0-31.64.114.140.in-addr.arpa", None),
        ("40.0/27.64.114.140.in-addr.arpa", None),
        ("40.0-31.64.114.140.in-addr.arpa", None),
        ("154.1/25.64.114.140.in-addr.arpa", None),
        ("154.128/24.64.114.140.in-addr.arpa", None),
        ("154.128/33.64.114.140.in-addr.arpa", None),
        ("154.ee.64.114.140.in-addr.arpa", None),
        ("300.64.114.140.in-addr.arpa", None),
        ("001.64.114.140.in-addr.arpa", None),
        ("foo.64.114.140.in-addr.arpa", None),
        ("*.64.114.140.in-addr.arpa", None),
        ("64.114.140.in-addr.arpa", None),
        ("1.154.64.114.140.in-addr.arpa", None),
        ("1.0.0.224.in-addr.arpa", None),
        ("0.0.0.0.in-addr.arpa", None),
        ("255.255.255.255.in-addr.arpa", None),
        ("in-addr.arpa", None),
        ("ip6.arpa", None),
        ("4.5.1.0.ip6.arpa", None),
        ("g" + ipaddress.ip_address(V6).reverse_pointer[1:], None),
        ("2." + ipaddress.ip_address(V6).reverse_pointer, None),
        (ipaddress.ip_address("::ffff:140.114.64.154").reverse_pointer, None),
        (ipaddress.ip_address("::").reverse_pointer, None),
        ("154.64.114.140.example.tw", None),
    ],
)
def test_a_reverse_name_stands_for_one_address_or_for_none(owner: str, address: str | None) -> None:
    assert reverse_address(owner) == address


@given(st.ip_addresses())
def test_every_computers_reverse_name_leads_back_to_its_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    try:
        expected: str | None = str(parse_address(str(address)))
    except AddressError:
        expected = None
    found = reverse_address(address.reverse_pointer)
    assert found == (expected if expected == str(address) else None)
    assert meant_address(address.reverse_pointer) == found


@given(st.ip_addresses(v=4))
def test_the_quick_reading_of_an_address_agrees_with_the_strict_one(
    address: ipaddress.IPv4Address,
) -> None:
    text = str(address)
    assert not plain_ipv4(text) or str(parse_address(text)) == text


@pytest.mark.parametrize("text", ["1.2.3", "01.2.3.4", "1.2.3.4 ", "1.2.3.256", "224.0.0.1", "::1"])
def test_the_quick_reading_leaves_what_is_odd_to_the_strict_one(text: str) -> None:
    assert not plain_ipv4(text)


@given(st.ip_addresses(v=4))
def test_the_zones_that_could_hold_a_ptr_record_are_named_closest_first(
    address: ipaddress.IPv4Address,
) -> None:
    names = list(reverse_zone_names(address))
    octets = str(address).split(".")
    children = names[: names.index(address.reverse_pointer)]
    assert len(children) == 21
    for child in children:
        assert reverse_address(f"{octets[3]}.{child}") in {str(address), None}
    assert names[-2:] == ["in-addr.arpa", "arpa"]
