"""Lists in CSV as spreadsheets write them: what is read, and how a bad line is named."""

from __future__ import annotations

from io import BytesIO

import pytest

from whitelist.registry.sources import BadLinesError, SourceError
from whitelist.registry.sources.csv_file import read_hosts, read_networks

BOM = b"\xef\xbb\xbf"
HOSTS = (
    "address,hostname,unit,contact\n"
    "140.114.64.154,Lab154.EE.nthu.edu.tw.,電機工程學系,ee-net@example.edu.tw\n"
    '2001:288:E001::1,ns1.nthu.edu.tw,"Computer, and ""Communication"" Center",\n'
).encode()
READ = [
    ("140.114.64.154", "lab154.ee.nthu.edu.tw", "電機工程學系", "ee-net@example.edu.tw", 2),
    ("2001:288:e001::1", "ns1.nthu.edu.tw", 'Computer, and "Communication" Center', "", 3),
]


@pytest.mark.parametrize(
    "content",
    [
        HOSTS,
        BOM + HOSTS,
        HOSTS.replace(b"\n", b"\r\n"),
        HOSTS.rstrip(b"\n"),
        HOSTS.replace(b"address,hostname", b" Address , HOSTNAME"),
        HOSTS.replace(b"140.114.64.154", b" 140.114.64.154 "),
        HOSTS.replace(b"140.114.64.154", b'"140.114.64.154"'),
        HOSTS.replace(b"140.114.64.154", b"::ffff:140.114.64.154"),
    ],
    ids=["plain", "BOM", "CRLF", "no last newline", "header", "blanks", "quotes", "mapped"],
)
def test_a_list_is_read_however_a_spreadsheet_wrote_it(content: bytes) -> None:
    assert [tuple(row) for row in read_hosts(BytesIO(content))] == READ


def test_blank_lines_are_passed_over_and_numbers_stay_true() -> None:
    content = HOSTS.replace(b"\n140", b"\n\n\n140") + b"x,y,,\n"
    with pytest.raises(BadLinesError, match=r"^line 6: not an IP address: 'x'$"):
        list(read_hosts(BytesIO(content)))


def test_columns_may_come_in_any_order_and_unit_and_contact_not_at_all() -> None:
    rows = list(read_hosts(BytesIO(b"hostname,address\npc1.ee.nthu.edu.tw,140.114.64.1\n")))
    assert rows == [("140.114.64.1", "pc1.ee.nthu.edu.tw", None, None, 2)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (BOM, "line 1: column address is missing"),
        (b"140.114.64.1,pc1.ee.nthu.edu.tw\n", "line 1: unknown column '140.114.64.1'"),
        (b"address\n", "line 1: column hostname is missing"),
        (b"address,hostname,owner\n", "line 1: unknown column 'owner'"),
        (b"address,hostname,address\n", "line 1: column address stands twice"),
        (b"address;hostname\n", "line 1: unknown column"),
        (HOSTS.decode().encode("utf-16"), "the file is UTF-16"),
        (HOSTS.decode().encode("utf-16-be"), "line 1"),
        (b"address,host\rname\n", "line 1"),
    ],
)
def test_a_file_without_its_header_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(SourceError) as refused:
        list(read_hosts(BytesIO(content)))
    assert str(refused.value).startswith(reason)


BAD_LINES = [
    ("140.114.64.300,pc1.ee.nthu.edu.tw,,", "not an IP address"),
    ("140.114.064.1,pc1.ee.nthu.edu.tw,,", "not an IP address"),
    ("140.114.64.0/24,pc1.ee.nthu.edu.tw,,", "not an IP address"),
    ("224.0.0.1,pc1.ee.nthu.edu.tw,,", "not the address of one computer"),
    (",pc1.ee.nthu.edu.tw,,", "not an IP address"),
    ("140.114.64.1,,,", "empty label"),
    ("140.114.64.1,pc1,,", "not a full domain name"),
    ("140.114.64.1,*.ee.nthu.edu.tw,,", "wildcard"),
    ("140.114.64.1,140.114.64.1,,", "ends in a number"),
    ("140.114.64.1,pc1.ee.nthu.edu.tw", "2 fields, and the header has 4"),
    ("140.114.64.1,pc1.ee.nthu.edu.tw,,,", "5 fields, and the header has 4"),
    (f"140.114.64.1,pc1.ee.nthu.edu.tw,{'u' * 101},", "unit is longer than 100"),
    (f"140.114.64.1,pc1.ee.nthu.edu.tw,,{'c' * 201}", "contact is longer than 200"),
    ("140.114.64.1,pc1.ee.nthu.edu.tw,a\x00b,", "control character"),
    ("140.114.64.1,pc1.ee.nthu.edu.tw,a\x1b[31mb,", "control character"),
    ('140.114.64.1,pc1.ee.nthu.edu.tw,"two\nlines",', "control character"),
    ('140.114.64.1,pc1.ee.nthu.edu.tw,"open,', "unexpected end of data"),
    ('140.114.64.1,pc1.ee.nthu.edu.tw,"a"b,', "expected after"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_is_named_by_its_number_with_the_reason(line: str, reason: str) -> None:
    with pytest.raises(BadLinesError) as wrong:
        list(read_hosts(BytesIO(HOSTS + line.encode() + b"\n")))
    assert wrong.value.lines[0][0] == 4
    assert reason in wrong.value.lines[0][1]


def test_a_line_in_another_encoding_is_named_with_what_to_do() -> None:
    line = "140.114.64.1,pc1.ee.nthu.edu.tw,物理學系,\n".encode("big5")
    with pytest.raises(BadLinesError, match=r"^line 4: not UTF-8 \(from Excel, save as"):
        list(read_hosts(BytesIO(HOSTS + line)))


def test_bad_lines_are_collected_up_to_twenty() -> None:
    bad = b"".join(b"%d,x,,\n" % number for number in range(100))
    with pytest.raises(BadLinesError, match="and more") as wrong:
        list(read_hosts(BytesIO(HOSTS + bad)))
    assert [number for number, _reason in wrong.value.lines] == list(range(4, 24))


NETWORKS = (
    "cidr,kind,unit,contact\n"
    "140.114.0.0/16,static,計通中心,net@example.edu.tw\n"
    "140.114.76.0/22,WiFi,,\n"
    "2001:288:E001::/48,static,,\n"
).encode()


@pytest.mark.parametrize("content", [NETWORKS, BOM + NETWORKS, NETWORKS.replace(b"\n", b"\r\n")])
def test_networks_are_read_in_canonical_form(content: bytes) -> None:
    assert [tuple(row) for row in read_networks(BytesIO(content))] == [
        ("140.114.0.0/16", "static", "計通中心", "net@example.edu.tw"),
        ("140.114.76.0/22", "wifi", "", ""),
        ("2001:288:e001::/48", "static", "", ""),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("140.114.64.1/24,static,,", "host bits"),
        ("140.114.64.0,static,,", "not a network in CIDR form"),
        ("140.114.64.0/24,,,", "kind '' is not one of static, dhcp"),
        ("140.114.64.0/24,public,,", "kind 'public' is not one of"),
        ("140.114.0.0/16,static,,", "140.114.0.0/16 stands on line 2 already"),
        ("2001:288:e001:0::/48,static,,", "stands on line 4 already"),
        (f"140.114.64.0/24,static,{'u' * 101},", "unit is longer"),
        ("140.114.64.0/24,static", "2 fields"),
    ],
)
def test_a_bad_network_is_named_by_its_number_with_the_reason(line: str, reason: str) -> None:
    with pytest.raises(BadLinesError) as wrong:
        read_networks(BytesIO(NETWORKS + line.encode() + b"\n"))
    assert wrong.value.lines[0][0] == 5
    assert reason in wrong.value.lines[0][1]
