"""Names that a machine made from an address, and names that people gave."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whitelist.addresses import parse_address
from whitelist.registry.generated import is_generated

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
