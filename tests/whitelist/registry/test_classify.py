"""What a name and a record say: generated names, and what registers nobody."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whitelist.addresses import AddressError, parse_address
from whitelist.registry.classify import LeftOut, forward_host, is_generated, reverse_host
from whitelist.registry.names import HostnameError, check_hostname
from whitelist.registry.reverse_names import plain_ipv4, reverse_address, reverse_zone_names

V4 = "140.114.64.154"
V6 = "2001:288:e001:64::154"
SLAAC = "2001:288:e001:64:211:22ff:fe33:4455"

GENERATED = [
    ("host-64-154.dynamic.nthu.edu.tw", V4),
    ("host-154-64.nthu.edu.tw", V4),
    ("64-154.ee.nthu.edu.tw", V4),
    ("154.64.dyn.nthu.edu.tw", V4),
    ("host_64_154.nthu.edu.tw", V4),
    ("host-064-154.nthu.edu.tw", V4),
    ("host64-154.nthu.edu.tw", V4),
    ("ip-140-114-64-154.nthu.edu.tw", V4),
    ("140-114-64-154.nthu.edu.tw", V4),
    ("140.114.64.154.nthu.edu.tw", V4),
    ("154.64.114.140.dyn.nthu.edu.tw", V4),
    ("154-64-114-140.nthu.edu.tw", V4),
    ("64-154-140-114.nthu.edu.tw", V4),
    ("net114-64-154.nthu.edu.tw", V4),
    ("a140-b114-c64-d154.nthu.edu.tw", V4),
    ("h140x114x64x154.nthu.edu.tw", V4),
    ("host140114064154.nthu.edu.tw", V4),
    ("14011464154.nthu.edu.tw", V4),
    ("15464114140.nthu.edu.tw", V4),
    ("154064114140.nthu.edu.tw", V4),
    ("064154.nthu.edu.tw", V4),
    ("pc64154.nthu.edu.tw", V4),
    ("8c72409a.nthu.edu.tw", V4),
    ("p8c72409a.dip.nthu.edu.tw", V4),
    ("9a40728c.nthu.edu.tw", V4),
    ("8c-72-40-9a.nthu.edu.tw", V4),
    ("pc409a.nthu.edu.tw", V4),
    ("host40-9a.nthu.edu.tw", V4),
    ("9a40.nthu.edu.tw", V4),
    ("2356297882.nthu.edu.tw", V4),
    ("dhcp-154.ee.nthu.edu.tw", V4),
    ("dhcp154.ee.nthu.edu.tw", V4),
    ("dhcp-9a.ee.nthu.edu.tw", V4),
    ("dyn-154.ee.nthu.edu.tw", V4),
    ("ip-154.ee.nthu.edu.tw", V4),
    ("ppp154.nthu.edu.tw", V4),
    ("pool-154.nthu.edu.tw", V4),
    ("pc154.dynamic.nthu.edu.tw", V4),
    ("unassigned-154.nthu.edu.tw", V4),
    ("ip-10-1-2-3.compute.internal", V4),
    ("host-140-114-64-154.nthu.edu.tw", V6),
    ("2001-288-e001-64--154.nthu.edu.tw", V6),
    ("2001-0288-e001-0064-0000-0000-0000-0154.nthu.edu.tw", V6),
    ("20010288e00100640000000000000154.nthu.edu.tw", V6),
    ("4.5.1.0.0.0.0.0.0.0.0.0.0.0.0.0.4.6.0.0.1.0.0.e.8.8.2.0.1.0.0.2.nthu.edu.tw", V6),
    ("host-0-0-0-154.nthu.edu.tw", V6),
    ("host-64-154.nthu.edu.tw", V6),
    ("dhcp-154.nthu.edu.tw", V6),
    ("00-11-22-33-44-55.nthu.edu.tw", SLAAC),
    ("021122fffe334455.nthu.edu.tw", SLAAC),
    ("host-ab12-cd34.nthu.edu.tw", "2001:288:e001::ab12:cd34"),
]
NAMES = [
    ("lab154.ee.nthu.edu.tw", V4),
    ("lab154.ee.nthu.edu.tw", "140.114.64.155"),
    ("lab-154.ee.nthu.edu.tw", V4),
    ("pc154.ee.nthu.edu.tw", V4),
    ("pc64-12b.ee.nthu.edu.tw", V4),
    ("pc64-12b.ee.nthu.edu.tw", "140.114.64.12"),
    ("r64n154.ee.nthu.edu.tw", V4),
    ("www2.ee.nthu.edu.tw", "140.114.64.2"),
    ("www2.ee.nthu.edu.tw", V4),
    ("node064.ee.nthu.edu.tw", "140.114.64.64"),
    ("node064.ee.nthu.edu.tw", "140.114.0.64"),
    ("node154.cluster64.nthu.edu.tw", V4),
    ("lab154.cs64.nthu.edu.tw", V4),
    ("ftp64.ee.nthu.edu.tw", V4),
    ("mail.ee.nthu.edu.tw", "140.114.64.25"),
    ("ns1.ee.nthu.edu.tw", "140.114.64.1"),
    ("ns1.dynamic.nthu.edu.tw", "140.114.64.1"),
    ("dhcp1.ee.nthu.edu.tw", "140.114.64.1"),
    ("dhcp-server.ee.nthu.edu.tw", V4),
    ("dhcp.nthu.edu.tw", V4),
    ("dhcp.ee.nthu.edu.tw", "140.114.64.238"),
    ("dhcp.ee.nthu.edu.tw", "2001:288:e001::ee"),
    ("cafe.ee.nthu.edu.tw", "2001:288:e001:cafe::ee"),
    ("pool-manager.nthu.edu.tw", V4),
    ("dynamics-lab.pme.nthu.edu.tw", V4),
    ("iphone-repair154.nthu.edu.tw", V4),
    ("pc12.ee.nthu.edu.tw", "140.114.1.2"),
    ("pc112.ee.nthu.edu.tw", "140.114.11.2"),
    ("room1234.ee.nthu.edu.tw", V4),
    ("e5-2670.ee.nthu.edu.tw", V4),
    ("lab2026-11-24.ee.nthu.edu.tw", V4),
    ("office31.phys.nthu.edu.tw", "140.114.80.31"),
    ("cafe.ee.nthu.edu.tw", "140.114.202.254"),
    ("beef.ee.nthu.edu.tw", "140.114.190.239"),
    ("140-114.nthu.edu.tw", V4),
    ("net-140-114-64.nthu.edu.tw", V4),
    ("154.ee.nthu.edu.tw", V4),
    ("xn--fiq228c.nthu.edu.tw", V4),
    ("3com.ee.nthu.edu.tw", "140.114.64.3"),
    ("web.nthu.edu.tw", "::1"),
    ("lab154.ee.nthu.edu.tw", V6),
    ("mail.ee.nthu.edu.tw", SLAAC),
    ("pc64.ee.nthu.edu.tw", V6),
    ("localhost.localdomain", "127.0.0.1"),
    ("my-computer.demo.nthu.edu.tw", "127.0.0.1"),
]


def test_the_tables_hold_forty_rows_each_way() -> None:
    assert len(set(GENERATED)) >= 40
    assert len(set(NAMES)) >= 40


@pytest.mark.parametrize(("name", "address"), GENERATED)
def test_a_name_made_from_its_address_is_generated(name: str, address: str) -> None:
    assert is_generated(name, parse_address(address))


@pytest.mark.parametrize(("name", "address"), NAMES)
def test_a_name_that_people_gave_is_not_generated(name: str, address: str) -> None:
    assert not is_generated(name, parse_address(address))


SPELLINGS = [
    "host-{0}-{1}-{2}-{3}.dynamic",
    "{3}.{2}.{1}.{0}.pool",
    "ip{0:03}{1:03}{2:03}{3:03}",
    "x{0:02x}{1:02x}{2:02x}{3:02x}",
    "h{2}-{3}",
    "{3}-{2}.dyn",
]


@given(st.ip_addresses(v=4), st.sampled_from(SPELLINGS))
def test_every_address_in_every_common_spelling_is_generated(
    address: ipaddress.IPv4Address, spelling: str
) -> None:
    assert is_generated(spelling.format(*address.packed) + ".nthu.edu.tw", address)


@given(st.ip_addresses(), st.from_regex(r"[a-z0-9._-]{1,60}", fullmatch=True))
def test_any_name_gets_a_verdict(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, name: str
) -> None:
    assert is_generated(name, address) in {True, False}


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


@pytest.mark.parametrize(
    ("owner", "kind", "address", "outcome"),
    [
        ("pc1.ee.nthu.edu.tw", "A", V4, (V4, "pc1.ee.nthu.edu.tw")),
        ("pc1.ee.nthu.edu.tw", "AAAA", V6.upper(), (V6, "pc1.ee.nthu.edu.tw")),
        ("my_pc.ee.nthu.edu.tw", "A", V4, (V4, "my_pc.ee.nthu.edu.tw")),
        ("*.ee.nthu.edu.tw", "A", V4, LeftOut.WILDCARD),
        ("*.x.ee.nthu.edu.tw", "A", V4, LeftOut.WILDCARD),
        ("_spf.ee.nthu.edu.tw", "A", V4, LeftOut.NOT_A_HOSTNAME),
        ("-pc.ee.nthu.edu.tw", "A", V4, LeftOut.NOT_A_HOSTNAME),
        ("pc\\032x.ee.nthu.edu.tw", "A", V4, LeftOut.NOT_A_HOSTNAME),
        ("tw", "A", V4, LeftOut.NOT_A_HOSTNAME),
        ("ñandú.ee.nthu.edu.tw", "A", V4, LeftOut.NOT_A_HOSTNAME),
        ("pc1.ee.nthu.edu.tw", "A", "224.0.0.1", LeftOut.NOT_A_COMPUTER),
        ("pc1.ee.nthu.edu.tw", "AAAA", "::ffff:140.114.64.154", LeftOut.NOT_A_COMPUTER),
        ("pc1.ee.nthu.edu.tw", "AAAA", "::", LeftOut.NOT_A_COMPUTER),
    ],
)
def test_an_address_record_states_a_host_or_is_left_out(
    owner: str, kind: str, address: str, outcome: object
) -> None:
    assert forward_host(owner, kind, address) == outcome


@pytest.mark.parametrize(
    ("kind", "address"),
    [("A", "140.114.64.999"), ("A", "140.114.064.154"), ("A", V6), ("AAAA", V4), ("A", "x")],
)
def test_an_address_record_that_no_server_loads_is_an_error(kind: str, address: str) -> None:
    with pytest.raises(AddressError):
        forward_host("pc1.ee.nthu.edu.tw", kind, address)


@pytest.mark.parametrize(
    ("owner", "target", "outcome"),
    [
        ("154.64.114.140.in-addr.arpa", "pc.ee.nthu.edu.tw", (V4, "pc.ee.nthu.edu.tw")),
        ("*.64.114.140.in-addr.arpa", "pc.ee.nthu.edu.tw", LeftOut.WILDCARD),
        ("300.64.114.140.in-addr.arpa", "pc.ee.nthu.edu.tw", LeftOut.NOT_AN_ADDRESS),
        (
            "154.64.114.140.in-addr.arpa",
            "pc.ee.nthu.edu.tw.64.114.140.in-addr.arpa",
            LeftOut.UNFINISHED_TARGET,
        ),
        ("154.64.114.140.in-addr.arpa", "", LeftOut.NOT_A_HOSTNAME),
        ("154.64.114.140.in-addr.arpa", "localhost", LeftOut.NOT_A_HOSTNAME),
        ("154.64.114.140.in-addr.arpa", "*.ee.nthu.edu.tw", LeftOut.NOT_A_HOSTNAME),
    ],
)
def test_a_ptr_record_states_a_host_or_is_left_out(
    owner: str, target: str, outcome: object
) -> None:
    assert reverse_host(owner, target) == outcome


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("PC1.EE.nthu.edu.tw.", "pc1.ee.nthu.edu.tw"),
        ("my_pc.ee.nthu.edu.tw", "my_pc.ee.nthu.edu.tw"),
        ("清華.台灣", "xn--c5wm18b.xn--kpry57d"),
        ("a.b", "a.b"),
        ("3com.ee.nthu.edu.tw", "3com.ee.nthu.edu.tw"),
        (f"{'a' * 63}.tw", f"{'a' * 63}.tw"),
        (".".join(["a" * 49] * 5) + ".tw", ".".join(["a" * 49] * 5) + ".tw"),
    ],
)
def test_a_hosts_name_is_written_in_its_one_canonical_form(text: str, name: str) -> None:
    assert check_hostname(text) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty label"),
        ("pc1", "not a full domain name"),
        ("pc1..nthu.edu.tw", "empty label"),
        (".nthu.edu.tw", "empty label"),
        ("pc1.nthu.edu.tw..", "empty label"),
        ("*.ee.nthu.edu.tw", "wildcard"),
        ("_dmarc.nthu.edu.tw", "no host can have"),
        ("-pc.nthu.edu.tw", "no host can have"),
        ("pc-.nthu.edu.tw", "no host can have"),
        ("pc 1.nthu.edu.tw", "no host can have"),
        ("pc1.nthu.edu.tw\n", "no host can have"),
        ("pc/1.nthu.edu.tw", "no host can have"),
        ("=cmd.nthu.edu.tw", "no host can have"),
        (f"{'a' * 64}.tw", "longer than 63"),
        (".".join(["a" * 50] * 5) + ".tw", "longer than 253"),
        ("140.114.64.154", "ends in a number"),
        ("pc1.nthu.edu.154", "ends in a number"),
        ("\ud800.tw", "internationalised"),
        ("清華" * 40 + ".tw", "internationalised"),
    ],
)
def test_what_no_host_can_be_called_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(HostnameError, match=reason):
        check_hostname(text)
