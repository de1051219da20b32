"""The text map is what the contract says, byte by byte."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_agent.errors import BrokenTable
from relay_agent.text import (
    IPAddress,
    digest,
    parse_record,
    read_text,
    render_text,
    to_entries,
    to_records,
)

any_entries = st.dictionaries(st.ip_addresses(), st.integers(1, 2**52)).map(
    lambda found: {address: expiry for address, expiry in found.items() if not is_mapped(address)}
)


def is_mapped(address: IPAddress) -> bool:
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


def test_one_line_an_entry_ipv4_first_each_family_in_numeric_order() -> None:
    entries = {
        ip_address("2001:db8::10"): 7,
        ip_address("140.114.64.154"): 1764001328,
        ip_address("2001:db8::9"): 6,
        ip_address("9.9.9.9"): 5,
    }
    assert render_text(entries) == (
        b"9.9.9.9\t5\n140.114.64.154\t1764001328\n2001:db8::9\t6\n2001:db8::10\t7\n"
    )


def test_no_entries_are_no_bytes() -> None:
    assert render_text({}) == b""


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("::0102:0304", "::1.2.3.4"),
        ("::1", "::1"),
    ],
)
def test_ipv6_is_written_as_inet_ntop_writes_it(written: str, key: str) -> None:
    assert render_text({ip_address(written): 1}) == f"{key}\t1\n".encode()


@pytest.mark.parametrize("address", ["fe80::1%eth0", "fe80::1%\r\nOK", "::ffff:10.0.0.1"])
def test_an_address_that_no_client_can_have_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="not a canonical address"):
        render_text({ip_address(address): 1})


@pytest.mark.parametrize("expiry", [0, -5, True, 1.5, "7", 2**53])
def test_a_value_that_access_5_would_not_read_as_ok_is_refused(expiry: int) -> None:
    with pytest.raises(ValueError, match="not an expiry"):
        render_text({ip_address("10.0.0.1"): expiry})


@given(any_entries)
def test_the_same_entries_give_the_same_bytes_in_whatever_order(
    entries: dict[IPAddress, int],
) -> None:
    backwards = dict(reversed(entries.items()))
    assert render_text(backwards) == render_text(entries)
    assert digest(to_records(backwards)) == digest(to_records(entries))


@given(any_entries)
def test_what_is_written_is_read_again(entries: dict[IPAddress, int]) -> None:
    records = to_records(entries)
    assert to_entries(Path("map"), records) == entries
    assert all(parse_record(*record) for record in records.items())


@given(st.ip_addresses(v=6).filter(lambda address: not is_mapped(address)))
def test_every_ipv6_key_is_what_the_system_writes(address: IPv6Address) -> None:
    assert next(iter(to_records({address: 1}))) == socket.inet_ntop(
        socket.AF_INET6, address.packed
    ).encode("ascii")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"unknown", b"1"),
        (b"127.9", b"1"),
        (b"2001:DB8::1", b"1"),
        (b"10.0.0.01", b"1"),
        (b"10.0.0.1", b"OK"),
        (b"10.0.0.1", b"01"),
        (b"10.0.0.1", b"-1"),
        (b"10.0.0.1", b""),
        (b"fe80::1%eth0", b"1"),
        (b"\xff", b"1"),
    ],
)
def test_a_record_that_we_would_not_write_is_no_entry(key: bytes, value: bytes) -> None:
    with pytest.raises(BrokenTable, match="map is broken"):
        to_entries(Path("map"), {key: value})


@pytest.mark.parametrize("content", [b"10.0.0.1\t1", b"10.0.0.1 1\n", b"\n", b"a\t1\na\t1\n"])
def test_a_text_map_in_another_form_or_cut_is_broken(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "map"
    path.write_bytes(content)
    with pytest.raises(BrokenTable):
        read_text(path)


def test_a_text_map_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries: dict[IPAddress, int] = {IPv4Address("10.0.0.1"): 5, IPv6Address("::1"): 6}
    (tmp_path / "map").write_bytes(render_text(entries))
    assert to_entries(tmp_path / "map", read_text(tmp_path / "map")) == entries
