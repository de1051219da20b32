"""Zones as name servers transfer them: whole, or what changed; nothing in them is an error."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.whitelist.registry.zones import (
    FORWARD_HOSTS,
    MESSY_FORWARD,
    MESSY_REVERSE,
    REVERSE_HOSTS,
    hosts_of,
    transferred,
    zone_file,
)
from whitelist.registry.classify import LeftOut
from whitelist.registry.name_servers.wire import TYPES, Record
from whitelist.registry.omissions import Omission, Omissions
from whitelist.registry.outline import MOST_DOMAINS, Outline
from whitelist.registry.reverse_names import ancestors
from whitelist.registry.sources.transferred_zone import (
    MOST_CHANGES,
    Delta,
    NeedsFullTransfer,
    full_hosts,
    incremental,
)

APEX = "114.140.in-addr.arpa"
CUT = f"71.{APEX}"
REVERSE = Outline(APEX, 7, frozenset({CUT, f"0/27.88.{APEX}"}))
FORWARD = Outline("ee.nthu.edu.tw", 7, frozenset({"lab.ee.nthu.edu.tw"}))
CHILD = Outline(f"0/27.64.{APEX}", 7)


def ptr(owner: str, target: str) -> Record:
    return Record(f"{owner}.{APEX}", "PTR", target)


PC1 = ptr("1.64", "pc1.ee.nthu.edu.tw")
HOST1 = ("140.114.64.1", "pc1.ee.nthu.edu.tw")
PC2 = ptr("2.64", "pc2.ee.nthu.edu.tw")
HOST2 = ("140.114.64.2", "pc2.ee.nthu.edu.tw")


def read(records: list[Record], outline: Outline) -> tuple[list[tuple[str, str]], Omissions]:
    omissions = Omissions()
    rows = list(full_hosts(records, outline, omissions))
    assert {(row.unit, row.contact) for row in rows} <= {(None, None)}
    return [(row.address, row.name) for row in rows], omissions


@pytest.mark.parametrize(
    ("text", "hosts", "generated"),
    [(MESSY_FORWARD, FORWARD_HOSTS, 50), (MESSY_REVERSE, REVERSE_HOSTS, 0)],
)
def test_a_messy_zone_comes_to_the_same_from_a_server_as_from_a_file(
    text: bytes, hosts: set[tuple[str, str]], generated: int
) -> None:
    zone = zone_file(text)
    assert hosts_of(zone) == hosts
    found, omissions = read(list(transferred(text)), zone.outline)
    assert set(found) == hosts
    omissions.counts.update({LeftOut.GENERATED: generated} if generated else {})
    assert omissions == zone.omissions


def test_a_host_that_two_owners_state_comes_twice() -> None:
    records = [ptr("20.0/27.64", "pc1.ee.nthu.edu.tw"), ptr("20.64", "pc1.ee.nthu.edu.tw")]
    found, omissions = read(records, REVERSE)
    assert found == [("140.114.64.20", "pc1.ee.nthu.edu.tw")] * 2
    assert not omissions.counts


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Record("a.ee.nthu.edu.tw", "A", "140.114.64.999"), LeftOut.NOT_A_COMPUTER),
        (Record("a.ee.nthu.edu.tw", "AAAA", "140.114.64.9"), LeftOut.NOT_A_COMPUTER),
        (Record("a\\000.ee.nthu.edu.tw", "A", "140.114.64.9"), LeftOut.NOT_A_HOSTNAME),
        (Record("", "A", "140.114.64.9"), LeftOut.OUT_OF_ZONE),
    ],
)
def test_what_would_be_a_bad_line_of_a_file_is_an_omission_here(
    record: Record, reason: LeftOut
) -> None:
    found, omissions = read([record], FORWARD)
    assert found == []
    assert omissions.counts == {reason: 1}


OWNERS = st.sampled_from(["", "*", "1.64", "001", "\\000", "a" * 64, ".", "0/27.64", "_x", "\0"])
NAMES = st.builds(
    lambda head, tail: f"{head}.{tail}",
    OWNERS,
    st.sampled_from([APEX, "ee.nthu.edu.tw", "ip6.arpa"]),
)
RECORDS = st.builds(
    Record,
    NAMES | st.text(),
    st.sampled_from(sorted(TYPES.values())) | st.text(),
    NAMES | st.text(),
)


@given(st.lists(RECORDS), st.sampled_from([REVERSE, FORWARD, CHILD]))
def test_nothing_in_a_zone_is_an_error(records: list[Record], outline: Outline) -> None:
    found, omissions = read(records, outline)
    assert len(found) + omissions.counts.total() <= len(records)
    with suppress(NeedsFullTransfer):
        incremental([(True, record) for record in records], outline)


def test_changes_become_hosts_and_omissions_that_are_gone_or_new() -> None:
    wildcard, unused = ptr("*.80", "any.nthu.edu.tw"), ptr("3.64", "unused.nthu.edu.tw")
    changes = [
        (False, PC1),
        (False, wildcard),
        (True, PC2),
        (True, unused),
        (True, Record(APEX, "NS", "ns2.nthu.edu.tw")),
        (True, Record(f"4.64.{APEX}", "A", "140.114.64.4")),
    ]
    assert incremental(changes, REVERSE) == Delta(
        removed=[HOST1],
        added=[HOST2],
        omitted_removed=[Omission.of(LeftOut.WILDCARD, *wildcard)],
        omitted_added=[Omission.of(LeftOut.PLACEHOLDER, *unused)],
    )


@pytest.mark.parametrize(
    ("changes", "delta"),
    [
        ([(False, PC1), (True, PC1)], Delta()),
        ([(True, PC1), (False, PC1)], Delta()),
        ([(False, PC1), (True, PC1), (False, PC1)], Delta(removed=[HOST1])),
        ([(True, PC1), (False, PC1), (True, PC1)], Delta(added=[HOST1])),
        ([], Delta()),
    ],
)
def test_only_the_net_of_all_changes_counts(
    changes: list[tuple[bool, Record]], delta: Delta
) -> None:
    assert incremental(changes, REVERSE) == delta


IN_CHILD = "20.0/27.64"


@pytest.mark.parametrize("added", [True, False])
@pytest.mark.parametrize(
    ("record", "outline", "reason"),
    [
        (Record(f"64.{APEX}", "NS", "ns1.nthu.edu.tw"), REVERSE, "zone cut"),
        (Record(f"64.{APEX}", "DNAME", "64.rev.nthu.edu.tw"), REVERSE, "zone cut"),
        (Record(APEX, "DNAME", "rev.nthu.edu.tw"), REVERSE, "zone cut"),
        (Record("x.ee.nthu.edu.tw", "NS", "ns1.nthu.edu.tw"), FORWARD, "zone cut"),
        (ptr(IN_CHILD, "pc1.ee.nthu.edu.tw"), REVERSE, "second spelling"),
        (ptr("20.0-31.64", "pc1.ee.nthu.edu.tw"), REVERSE, "second spelling"),
        (Record(f"20.64.{APEX}", "CNAME", f"{IN_CHILD}.{APEX}"), REVERSE, "second spelling"),
    ],
)
def test_what_bears_on_other_records_needs_the_whole_zone(
    record: Record, outline: Outline, reason: str, added: bool
) -> None:
    with pytest.raises(NeedsFullTransfer, match=reason):
        incremental([(True, PC1), (added, record)], outline)


@pytest.mark.parametrize(
    ("record", "outline"),
    [
        (Record(APEX, "NS", "ns1.nthu.edu.tw"), REVERSE),
        (Record("other.tw", "NS", "ns1.nthu.edu.tw"), FORWARD),
        (Record("other.tw", "DNAME", "another.tw"), FORWARD),
        (ptr(IN_CHILD, "pc1.ee.nthu.edu.tw"), CHILD),
        (ptr("1.0/27.88", "pc1.ee.nthu.edu.tw"), REVERSE),  # below a cut
        (Record(f"1.88.{APEX}", "CNAME", f"1.0/27.88.{APEX}"), REVERSE),
        (Record(f"1.90.{APEX}", "CNAME", "1.rev.chem.nthu.edu.tw"), REVERSE),
    ],
)
def test_what_bears_on_no_other_record_does_not(record: Record, outline: Outline) -> None:
    delta = incremental([(True, record)], outline)
    assert not delta.removed
    assert not delta.omitted_removed


@pytest.mark.parametrize("added", [True, False])
def test_a_record_that_comes_or_goes_twice_cannot_be_right(added: bool) -> None:
    with pytest.raises(NeedsFullTransfer, match="twice"):
        incremental([(added, PC1), (True, PC2), (added, PC1)], REVERSE)


def test_a_very_large_increment_is_better_read_whole() -> None:
    most = [(number % 2 == 0, PC1) for number in range(MOST_CHANGES)]
    assert incremental(most, REVERSE) == Delta()
    with pytest.raises(NeedsFullTransfer, match=f"more than {MOST_CHANGES}"):
        incremental([*most, (True, PC1)], REVERSE)


HEADS = ["1.64", "2.64", "001.64", "5.71", "*.80", "300.64"]
TARGETS = ["pc1.ee.nthu.edu.tw", "pc2.ee.nthu.edu.tw", "unused.ee.tw", "_x.tw", f"pc.64.{APEX}"]
VERSIONS = st.lists(
    st.frozensets(st.builds(ptr, st.sampled_from(HEADS), st.sampled_from(TARGETS))), min_size=1
)


@given(VERSIONS)
def test_changes_lead_from_what_the_old_zone_comes_to_to_what_the_new_one_does(
    versions: list[frozenset[Record]],
) -> None:
    changes = []
    for before, after in pairwise(versions):
        changes += [(False, record) for record in before - after]
        changes += [(True, record) for record in after - before]
    delta = incremental(changes, REVERSE)
    old, old_omissions = read(list(versions[0]), REVERSE)
    new, new_omissions = read(list(versions[-1]), REVERSE)
    assert sorted(delta.removed) == sorted(set(old) - set(new))
    assert sorted(delta.added) == sorted(set(new) - set(old))
    kept, kept_after = set(old_omissions.kept), set(new_omissions.kept)
    assert set(delta.omitted_removed) == kept - kept_after
    assert set(delta.omitted_added) == kept_after - kept


LABELS = st.lists(st.sampled_from(["a", "b", "*"]), max_size=5).map(
    lambda labels: ".".join([*labels, "tw"])
)


@given(st.frozensets(LABELS), st.frozensets(LABELS), st.lists(LABELS))
def test_a_name_is_occluded_at_or_below_a_cut_and_below_what_was_renamed(
    cuts: frozenset[str], renamed: frozenset[str], owners: list[str]
) -> None:
    cuts -= {"tw"}
    outline = Outline("tw", 1, cuts, renamed)
    for owner in owners * 2:
        above = set(ancestors(owner))
        assert outline.occludes(owner) == bool(above & cuts or (above - {owner}) & renamed)


def test_what_is_remembered_of_a_zones_domains_is_bounded() -> None:
    outline = Outline("tw", 1, frozenset({"cut.tw"}))
    for number in range(MOST_DOMAINS + 5):
        assert not outline.occludes(f"a.d{number}.tw")
        assert outline.occludes(f"a.d{number}.cut.tw")
    assert len(outline.occluded_domains) <= MOST_DOMAINS
