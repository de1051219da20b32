"""One canonical form of an address: what is read, how it is written, what is refused."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whitelist.addresses import (
    AddressError,
    IPAddress,
    NotOneComputerError,
    order_key,
    parse_address,
    parse_network,
    sort_order,
)

CANONICAL = [
    ("140.114.64.154", "140.114.64.154"),
    ("1.0.0.0", "1.0.0.0"),
    ("0.0.0.1", "0.0.0.1"),
    ("127.0.0.1", "127.0.0.1"),
    ("255.255.255.254", "255.255.255.254"),
    ("223.255.255.255", "223.255.255.255"),
    ("240.0.0.1", "240.0.0.1"),
    ("169.254.1.1", "169.254.1.1"),
    ("::1", "::1"),
    ("0:0:0:0:0:0:0:1", "::1"),
    ("2001:DB8::1", "2001:db8::1"),
    ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
    ("2001:db8:0:0:1::1", "2001:db8::1:0:0:1"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    ("2001:db8::", "2001:db8::"),
    ("2001:288:e001:64::154", "2001:288:e001:64::154"),
    ("fe80::1", "fe80::1"),
    ("fd00::1", "fd00::1"),
    ("::ffff:140.114.64.154", "140.114.64.154"),
    ("::FFFF:140.114.64.154", "140.114.64.154"),
    ("::ffff:8c72:409a", "140.114.64.154"),
    ("0:0:0:0:0:ffff:8c72:409a", "140.114.64.154"),
    ("0000:0000:0000:0000:0000:ffff:140.114.64.154", "140.114.64.154"),
    ("2001:db8::140.114.64.154", "2001:db8::8c72:409a"),
    ("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", None),
    ("::ffff:0:140.114.64.154", "::ffff:0:8c72:409a"),
]
NO_ADDRESS = [
    "",
    " ",
    "localhost",
    "unknown",
    "140.114.64",
    "140.114.64.",
    ".140.114.64.154",
    "140.114.64.154.",
    "140.114..154",
    "140.114.64.154.1",
    "140.114.64.256",
    "140.114.64.-1",
    "140.114.64.+1",
    "140.114.064.154",
    "140.114.64.00",
    "010.0.0.1",
    "0x8c.0x72.0x40.0x9a",
    "0x8c72409a",
    "2356297882",
    "8c72409a",
    "1.2.3",
    "1",
    "140.114.64.154 ",
    " 140.114.64.154",
    "140.114.64.154\n",
    "140.114.64.154\r\n",
    "140.114.64.154\x00",
    "140.114.64.154\t1",
    "140.114.64.154/32",
    "140.114.64.154:25",
    "[2001:db8::1]",
    "[2001:db8::1]:25",
    "2001:db8::1%eth0",
    "fe80::1%25eth0",
    "2001:db8::1%\r\nOK",
    "fe80::1%",
    "2001:db8::1/64",
    "2001:db8:::1",
    "2001::db8::1",
    "2001:db8:1",
    ":",
    ":::",
    "1::2::3",
    ":1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:8:9",
    "12345::1",
    "g::1",
    "::ffff:140.114.64.256",
    "::ffff:140.114.064.154",
    "::ffff:140.114.64",
    "140.114.64.154::",
    "１４０.114.64.154",
    "140。114。64。154",
    "140.114.64.١٥٤",
    "²40.114.64.154",
    "140,114,64,154",
    "140-114-64-154",
    "140.114.64.154,10.0.0.1",
    "140.114.64.154 OK",
    "IPv6:2001:db8::1",
    "0000:0000:0000:0000:0000:ffff:140.114.64.1540",
    "1" * 46,
    ":" * 45,
    "a" * 10_000,
]
NEVER_ONE_COMPUTER = [
    "0.0.0.0",  # noqa: S104
    "255.255.255.255",
    "224.0.0.1",
    "239.255.255.255",
    "::",
    "0:0:0:0:0:0:0:0",
    "ff02::1",
    "ff0e::1",
    "::2",
    "::140.114.64.154",
    "::8c72:409a",
    "::0.0.0.2",
    "64:ff9b::140.114.64.154",
    "64:ff9b::1",
    "::ffff:0.0.0.0",
    "::ffff:224.0.0.1",
    "::ffff:255.255.255.255",
    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
]
COMPUTERS = [(text, canonical) for text, canonical in CANONICAL if canonical]


def test_the_table_holds_at_least_sixty_odd_rows() -> None:
    assert len(set(NO_ADDRESS) | set(NEVER_ONE_COMPUTER)) + len(COMPUTERS) >= 60


@pytest.mark.parametrize(("text", "canonical"), COMPUTERS)
def test_an_address_is_written_in_its_one_canonical_form(text: str, canonical: str) -> None:
    assert str(parse_address(text)) == canonical


@pytest.mark.parametrize(("text", "canonical"), COMPUTERS)
def test_the_canonical_form_is_what_inet_ntop_writes(text: str, canonical: str) -> None:
    family = socket.AF_INET6 if ":" in canonical else socket.AF_INET
    assert socket.inet_ntop(family, socket.inet_pton(family, canonical)) == canonical


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_not_exactly_one_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)


@pytest.mark.parametrize("text", NEVER_ONE_COMPUTER)
def test_what_never_is_one_computer_is_refused_as_that(text: str) -> None:
    with pytest.raises(NotOneComputerError):
        parse_address(text)


@pytest.mark.parametrize("text", ["x" * 5000, "140.114.64.154\r\nOK" * 500])
def test_a_refusal_repeats_no_more_than_a_line_of_what_it_refused(text: str) -> None:
    with pytest.raises(AddressError) as refused:
        parse_address(text)
    assert len(str(refused.value)) < 150
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("140.114.64.0/24", "140.114.64.0/24"),
        ("140.114.0.0/16", "140.114.0.0/16"),
        ("140.114.64.154/32", "140.114.64.154/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:288:E001:0::/48", "2001:288:e001::/48"),
        ("::1/128", "::1/128"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_is_written_in_its_one_canonical_form(text: str, canonical: str) -> None:
    assert str(parse_network(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/24",
        "140.114.64.0",
        "140.114.64.1/24",
        "140.114.64.0/33",
        "140.114.64.0/-1",
        "140.114.64.0/024/1",
        "140.114.64.0/255.255.255.0",
        "140.114.64.0/0.0.0.255",
        "140.114.64/24",
        "140.114.064.0/24",
        "140.114.64.0/ 24",
        "140.114.64.0 /24",
        "140.114.64.0/24\n",
        "140.114.64.0/２４",
        "2001:db8::1/64",
        "2001:db8::/129",
        "2001:db8::%eth0/64",
        "::ffff:140.114.64.0/120",
        "10.0.0.0-10.0.0.255/24",
    ],
)
def test_what_is_not_exactly_one_network_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_network(text)


def is_computer(address: IPAddress) -> bool:
    try:
        parse_address(str(address))
    except NotOneComputerError:
        return False
    return True


ANY_ADDRESS = st.ip_addresses(v=4) | st.ip_addresses(v=6)
COMPUTER = ANY_ADDRESS.filter(is_computer).map(lambda address: parse_address(str(address)))


@given(COMPUTER)
def test_reading_what_was_written_gives_the_same_address(address: IPAddress) -> None:
    assert parse_address(str(address)) == address


@given(COMPUTER)
def test_every_spelling_of_an_address_is_written_alike(address: IPAddress) -> None:
    if isinstance(address, ipaddress.IPv4Address):
        mapped = f"::ffff:{address}"
        assert str(parse_address(mapped)) == str(parse_address(mapped.upper())) == str(address)
    else:
        for spelling in (address.exploded, str(address).upper(), address.exploded.upper()):
            assert str(parse_address(spelling)) == str(address)


@given(COMPUTER)
def test_str_is_what_inet_ntop_writes(address: IPAddress) -> None:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    assert socket.inet_ntop(family, socket.inet_pton(family, str(address))) == str(address)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_refusal_and_nothing_else(text: str) -> None:
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert str(address).isascii()
    assert str(address).isprintable()


@given(st.lists(COMPUTER, min_size=2, max_size=20))
def test_order_keys_sort_as_the_addresses_do(addresses: list[IPAddress]) -> None:
    by_number = sorted(
        addresses,
        key=lambda a: int(a) + (0xFFFF << 32 if isinstance(a, ipaddress.IPv4Address) else 0),
    )
    assert [order_key(a) for a in by_number] == sorted(order_key(a) for a in addresses)


@given(COMPUTER, COMPUTER)
def test_order_keys_are_equal_only_for_the_same_address(one: IPAddress, other: IPAddress) -> None:
    assert len(order_key(one)) == 32
    assert (order_key(one) == order_key(other)) == (one == other)


@given(st.lists(COMPUTER, max_size=20))
def test_the_maps_order_is_ipv4_first_then_numerical(addresses: list[IPAddress]) -> None:
    ordered = sorted(addresses, key=sort_order)
    versions = [address.version for address in ordered]
    assert versions == sorted(versions)
    for version in (4, 6):
        numbers = [int(address) for address in ordered if address.version == version]
        assert numbers == sorted(numbers)
