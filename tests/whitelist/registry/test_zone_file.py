"""Zone files as they are found: what they register, what they do not, what is wrong with them."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from io import BytesIO, StringIO
from pathlib import Path

import dns.rdatatype
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import missing
from tests.whitelist.registry.zones import (
    FORWARD_HOSTS,
    MESSY_FORWARD,
    MESSY_REVERSE,
    REVERSE_HOSTS,
    hosts_of,
    zone_file,
)
from whitelist.models.zone import ZoneKind
from whitelist.registry.classify import LeftOut
from whitelist.registry.sources import BadLines, BadLinesError, SourceError
from whitelist.registry.sources.master_file import MasterFile
from whitelist.registry.sources.zone_file import ZoneFile

BOM = "\xef\xbb\xbf"
SOA = "@ IN SOA ns1 root 1 2 3 4 5\n"
EE = "$ORIGIN ee.nthu.edu.tw.\n" + SOA


def test_a_messy_forward_zone_gives_its_hosts_and_counts_the_rest() -> None:
    zone = zone_file(MESSY_FORWARD)
    assert hosts_of(zone) == FORWARD_HOSTS
    assert zone.left_out == {
        LeftOut.GENERATED: 50,
        LeftOut.OCCLUDED: 4,
        LeftOut.WILDCARD: 2,
        LeftOut.ALIAS: 1,
        LeftOut.NOT_A_HOSTNAME: 1,
        LeftOut.NOT_A_COMPUTER: 1,
        LeftOut.OUT_OF_ZONE: 1,
        LeftOut.WRONG_TREE: 1,
    }


def test_a_messy_reverse_zone_gives_its_hosts_and_counts_the_rest() -> None:
    zone = zone_file(MESSY_REVERSE)
    assert hosts_of(zone) == REVERSE_HOSTS
    assert zone.left_out == {
        LeftOut.NOT_AN_ADDRESS: 4,
        LeftOut.NOT_A_HOSTNAME: 2,
        LeftOut.OCCLUDED: 2,
        LeftOut.PLACEHOLDER: 2,
        LeftOut.UNFINISHED_TARGET: 1,
        LeftOut.WILDCARD: 1,
        LeftOut.ALIAS: 1,
        LeftOut.OUT_OF_ZONE: 1,
    }


def test_the_outline_names_the_zone_its_serial_and_its_cuts() -> None:
    outline = zone_file(MESSY_REVERSE).outline
    assert (outline.apex, outline.kind, outline.serial) == (
        "114.140.in-addr.arpa",
        ZoneKind.REVERSE,
        7,
    )
    assert outline.cuts == {"71.114.140.in-addr.arpa", "0/27.88.114.140.in-addr.arpa"}
    forward = zone_file(MESSY_FORWARD).outline
    assert (forward.apex, forward.kind, forward.serial) == (
        "ee.nthu.edu.tw",
        ZoneKind.FORWARD,
        2026112401,
    )
    assert forward.cuts == {"lab.ee.nthu.edu.tw"}
    assert forward.renamed == {"old.ee.nthu.edu.tw"}


def test_reading_the_hosts_twice_counts_nothing_twice() -> None:
    zone = zone_file(MESSY_FORWARD)
    omissions = zone.omissions
    first, left_out, kept = hosts_of(zone), zone.left_out.copy(), omissions.kept.copy()
    assert (hosts_of(zone), zone.left_out, omissions.kept) == (first, left_out, kept)
    assert zone.omissions is omissions  # who holds it from before the reading sees the result


def test_what_is_left_out_can_be_read_with_the_address_it_was_meant_for() -> None:
    zone = zone_file(MESSY_REVERSE)
    hosts_of(zone)
    said = {(o.reason, o.owner.split(".")[0], o.target, o.address) for o in zone.omissions.kept}
    assert (LeftOut.NOT_AN_ADDRESS, "001", "b.nthu.edu.tw", "140.114.64.1") in said
    assert (LeftOut.NOT_AN_ADDRESS, "300", "a.nthu.edu.tw", None) in said
    assert (LeftOut.NOT_A_HOSTNAME, "3", "_x.nthu.edu.tw", "140.114.64.3") in said
    assert len(said) == zone.left_out.total()


def test_odd_bytes_and_endless_names_are_left_out_in_a_form_that_can_be_stored() -> None:
    text = EE.encode() + b"a\x00\xff A 1.2.3.4\n" + b"x" * 9_999 + b" A 1.2.3.4\n"
    zone = zone_file(text)
    assert hosts_of(zone) == set()
    first, second = zone.omissions.kept
    assert first.owner == "a\\000\\255.ee.nthu.edu.tw"
    assert len(second.owner) == 1_024
    assert zone.left_out == {LeftOut.NOT_A_HOSTNAME: 2}


@pytest.mark.parametrize(
    ("apex", "owner"),
    [
        ("0/27.64.114.140.in-addr.arpa", "20"),
        ("0-31.64.114.140.in-addr.arpa", "20"),
        ("64.114.140.in-addr.arpa", "20"),
        ("140.in-addr.arpa", "20.64.114"),
    ],
)
def test_a_reverse_zone_of_any_depth_gives_the_same_host(apex: str, owner: str) -> None:
    zone = zone_file(SOA + f"{owner} PTR pc20.ee.nthu.edu.tw.\n", origin=apex)
    assert hosts_of(zone) == {("140.114.64.20", "pc20.ee.nthu.edu.tw")}


def test_an_ipv6_reverse_zone_gives_its_hosts() -> None:
    zone = zone_file(
        SOA + "4.5.1.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR lab154.ee.nthu.edu.tw.\n4.5.1 PTR x.y.\n",
        origin="4.6.0.0.1.0.0.E.8.8.2.0.1.0.0.2.ip6.arpa.",
    )
    assert hosts_of(zone) == {("2001:288:e001:64::154", "lab154.ee.nthu.edu.tw")}
    assert zone.left_out == {LeftOut.NOT_AN_ADDRESS: 1}


def test_the_origin_completes_a_file_that_does_not_name_its_zone() -> None:
    text = SOA + "pc1 A 140.114.64.1\n"
    assert hosts_of(zone_file(text, "EE.nthu.edu.tw.")) == {("140.114.64.1", "pc1.ee.nthu.edu.tw")}
    with pytest.raises(SourceError, match="give --origin"):
        zone_file(text)


def test_without_a_soa_the_files_origin_or_the_callers_names_the_zone() -> None:
    assert zone_file("$ORIGIN ee.nthu.edu.tw.\npc1 A 1.2.3.4\n").outline.apex == "ee.nthu.edu.tw"
    assert zone_file("pc1 A 1.2.3.4\n", "nthu.edu.tw").outline.apex == "nthu.edu.tw"
    with pytest.raises(SourceError, match="give --origin"):
        zone_file("pc1.ee.nthu.edu.tw. A 1.2.3.4\n")


def test_an_origin_that_contradicts_the_file_is_refused() -> None:
    with pytest.raises(SourceError, match=r"--origin is cs\.nthu\.edu\.tw, but .* ee\.nthu"):
        zone_file(EE, origin="cs.nthu.edu.tw")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("$INCLUDE /etc/passwd", "not followed"),
        ("$UNKNOWN x", "not a directive"),
        ("$ORIGIN", "not a directive"),
        ("$GENERATE 9-1 a$ A 1.2.3.$", "not a range"),
        ("$GENERATE 1-9/0 a$ A 1.2.3.$", "not a range"),
        ("$GENERATE x a$ A 1.2.3.$", "not a range"),
        ("pc1", "no record type"),
        ("pc1 IN 300", "no record type"),
        ("pc1 300 IN 300 A 1.2.3.4", "no record type"),
        ("pc1 CH A 1.2.3.4", "only IN"),
        ("pc1 A", "0 fields"),
        ("pc1 A 1.2.3.4 5.6.7.8", "2 fields"),
        ("pc1 A 1.2.3.999", "not an IP address"),
        ("pc1 A 1.2.3.004", "not an IP address"),
        ("pc1 AAAA 1.2.3.4", "not an address of a record AAAA"),
        ('pc1 TXT "open', "cannot be read"),
        ("pc1 A 1.2.3.4 )", "was not opened"),
        ("pc1 A ( 1.2.3.4", "not closed"),
        ("other.tw. SOA a b 1 2 3 4 5", "a second zone"),
        ("@ SOA a b one 2 3 4 5", "not a number"),
        ("@ SOA a b 4294967296 2 3 4 5", "not a number"),
    ],
)
def test_a_line_that_no_server_loads_is_named_by_its_number(line: str, reason: str) -> None:
    with pytest.raises(BadLinesError) as wrong:
        hosts_of(zone_file(f"{EE}good A 1.2.3.4\n{line}\n"))
    assert [number for number, _reason in wrong.value.lines] == [4]
    assert reason in str(wrong.value)


def test_a_record_without_owner_or_origin_is_named_by_its_number() -> None:
    for text in ("  A 1.2.3.4\n", "pc1 A 1.2.3.4\n"):
        with pytest.raises(BadLinesError) as wrong:
            zone_file(text)
        assert wrong.value.lines[0][0] == 1


def test_many_bad_lines_are_named_together_but_not_without_end() -> None:
    with pytest.raises(BadLinesError) as wrong:
        zone_file(EE + "bad\n" * 3)
    assert [number for number, _reason in wrong.value.lines] == [3, 4, 5]
    with pytest.raises(BadLinesError, match="and more") as wrong:
        zone_file(EE + "bad\n" * 5000)
    assert len(wrong.value.lines) == 20


def test_generate_is_never_expanded() -> None:
    zone = zone_file(EE + "$GENERATE 0-999999999 a$ A 10.0.0.1\n")
    assert hosts_of(zone) == set()
    assert zone.left_out == {LeftOut.GENERATED: 1_000_000_000}


WORDS = [
    "pc1",
    "1.64",
    "\\x",
    "@",
    "A",
    "PTR",
    "IN",
    "NS",
    "SOA",
    "CNAME",
    "DNAME",
    "1.2.3.4",
    "::1",
]
WORDS += [
    "$ORIGIN",
    "$GENERATE",
    "1-9",
    "(",
    ")",
    ";",
    '"',
    "\n",
    " ",
    "..",
    "*",
    "a" * 70,
    "\0",
    "\xa0",
]


@given(st.lists(st.sampled_from(WORDS)).map(" ".join) | st.text(st.characters(codec="latin-1")))
def test_any_file_gives_hosts_or_says_what_is_wrong_with_it(text: str) -> None:
    with suppress(SourceError):
        hosts_of(zone_file((EE + text).encode("latin-1")))


def test_a_name_of_very_many_labels_is_no_hosts_and_harms_nothing() -> None:
    deep = "a." * 5_000 + "deep"
    zone = zone_file(EE + f"cut NS ns1\n{deep} A 1.2.3.4\n{deep}.cut A 1.2.3.4\n")
    assert hosts_of(zone) == set()
    assert zone.left_out == {LeftOut.NOT_A_HOSTNAME: 1, LeftOut.OCCLUDED: 1}


def records_of(text: str) -> set[tuple[str, str, str]]:
    """Address records as our reader sees them, for comparing it with another."""
    return {
        (record.owner, record.type, record.rdata[0].lower())
        for record in MasterFile(StringIO(text), BadLines(), "ee.nthu.edu.tw")
        if record.type in {"A", "AAAA"}
    }


def without_generate(text: bytes) -> str:
    """The zone without what other readers would expand, and without the BOM they refuse."""
    lines = text.decode("latin-1").removeprefix(BOM).splitlines(keepends=True)
    return "".join(line for line in lines if "GENERATE" not in line)


def test_our_reader_agrees_with_dnspython() -> None:
    text = without_generate(MESSY_FORWARD)
    zone = dns.zone.from_text(text, origin="ee.nthu.edu.tw", relativize=False)
    theirs = {
        (
            name.to_text(omit_final_dot=True).lower(),
            dns.rdatatype.to_text(data.rdtype),
            data.to_text(),
        )
        for name, _ttl, data in zone.iterate_rdatas()
        if data.rdtype in {dns.rdatatype.A, dns.rdatatype.AAAA}
    }
    ours = {row for row in records_of(text) if row[0].endswith("ee.nthu.edu.tw")}
    assert ours == theirs


@pytest.mark.parametrize(
    ("apex", "text"), [("ee.nthu.edu.tw", MESSY_FORWARD), ("114.140.in-addr.arpa", MESSY_REVERSE)]
)
def test_a_zone_that_named_compilezone_rewrote_gives_the_same_hosts(
    tmp_path: Path, apex: str, text: bytes
) -> None:
    tool = shutil.which("named-compilezone") or shutil.which(
        "named-compilezone", path="/usr/sbin:/usr/bin"
    )
    if tool is None:
        missing("named-compilezone (bind9-utils)")
    source, result = tmp_path / "in", tmp_path / "out"
    source.write_bytes(without_generate(text).encode("latin-1"))
    loose = ["-k", "ignore", "-i", "none", "-n", "ignore", "-r", "ignore"]
    subprocess.run(
        [tool, *loose, "-o", str(result), apex, str(source)], check=True, capture_output=True
    )
    ours = zone_file(text)
    theirs = ZoneFile(BytesIO(result.read_bytes()), apex)
    assert hosts_of(theirs) == hosts_of(ours)
    for reason in (LeftOut.OCCLUDED, LeftOut.WILDCARD, LeftOut.ALIAS, LeftOut.UNFINISHED_TARGET):
        assert theirs.left_out[reason] == ours.left_out[reason]
