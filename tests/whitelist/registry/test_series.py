"""Names that are numbered in step with their addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whitelist.addresses import IPAddress, parse_address
from whitelist.registry.series import neighbours, run_length

EE = ".ee.nthu.edu.tw"
V4 = "140.114.64."
V6 = "2001:288:e001:64::"


def series(label: str, numbers: range, block: str, offset: int = 0) -> set[tuple[str, str]]:
    """Pairs of an address in the block, written in decimal, and a numbered name."""
    return {(f"{block}{n + offset}", label.format(n) + EE) for n in numbers}


def run(present: set[tuple[str, str]], label: str, address: str, reach: int = 250) -> int:
    """The run as a caller finds it, who asks only for the pairs that `neighbours` names."""
    name, parsed = label + EE, parse_address(address)
    found = present.intersection(neighbours(name, parsed, reach))
    length = run_length(found, name, parsed, reach)
    assert length == run_length(present, name, parsed, reach)
    return length


@pytest.mark.parametrize(
    ("label", "address", "reach", "pairs"),
    [
        ("pc7", V4 + "17", 1, {("16", "pc6"), ("18", "pc8")}),
        ("pc07", V4 + "17", 1, {("16", "pc06"), ("18", "pc08")}),
        ("pc09", V4 + "19", 1, {("18", "pc08"), ("20", "pc10")}),
        ("pc10", V4 + "20", 1, {("19", "pc9"), ("19", "pc09"), ("21", "pc11")}),
        ("pc099", V4 + "20", 1, {("19", "pc098"), ("21", "pc100")}),
        ("pc99", V4 + "20", 1, {("19", "pc98"), ("21", "pc100")}),
        ("r3-pc7b", V4 + "17", 1, {("16", "r3-pc6b"), ("18", "r3-pc8b")}),
        ("7", V4 + "17", 1, {("16", "6"), ("18", "8")}),
        ("pc0", V4 + "17", 2, {("18", "pc1"), ("19", "pc2")}),
        ("pc7", V4 + "17", 2, {("15", "pc5"), ("16", "pc6"), ("18", "pc8"), ("19", "pc9")}),
        ("pc7", V4 + "17", 0, set()),
        ("mail", V4 + "17", 9, set()),
        ("mail-server", V4 + "17", 9, set()),
    ],
)
def test_neighbours_advance_by_one_with_their_number(
    label: str, address: str, reach: int, pairs: set[tuple[str, str]]
) -> None:
    found = neighbours(label + EE, parse_address(address), reach)
    assert set(found) == {(V4 + last, name + EE) for last, name in pairs}
    assert len(found) == len(pairs)


@pytest.mark.parametrize(
    ("address", "others"),
    [
        ("140.114.64.255", {"140.114.64.254", "140.114.65.0"}),
        ("255.255.255.254", {"255.255.255.253", "255.255.255.255"}),
        (V6 + "a", {V6 + "9", V6 + "b"}),
        (V6 + "9", {V6 + "8", V6 + "a", V6 + "10"}),  # ten is written ::10, too
        (V6 + "154", {V6 + "153", V6 + "155"}),
        (V6 + "9999", {V6 + "9998", V6 + "999a"}),
        ("::1", {"::", "::2"}),
    ],
)
def test_addresses_are_counted_to_the_ends_of_their_family(address: str, others: set[str]) -> None:
    found = neighbours("pc500" + EE, parse_address(address), 1)
    assert {text for text, _name in found} == others


def test_a_number_in_the_domain_makes_no_series() -> None:
    assert neighbours("mail.lab7.nthu.edu.tw", parse_address(V4 + "17"), 9) == []
    assert run_length(set(), "mail.lab7.nthu.edu.tw", parse_address(V4 + "17"), 9) == 1


@pytest.mark.parametrize("number", [1, 9, 10, 99, 100, 199, 200])
@pytest.mark.parametrize("label", ["pc{0}", "pc{0:02}", "pc{0:03}", "c{0:03}-a"])
@pytest.mark.parametrize("block", [V4, V6])
def test_a_long_series_is_seen_whole_from_every_place_in_it(
    label: str, number: int, block: str
) -> None:
    present = series(label, range(1, 201), block, 10)
    assert run(present, label.format(number), f"{block}{number + 10}") == 200


def test_a_run_is_counted_no_farther_than_it_was_asked_for() -> None:
    present = series("pc{}", range(1, 201), V4, 10)
    assert run(present, "pc100", V4 + "110", reach=31) == 63
    assert run(present, "pc1", V4 + "11", reach=31) == 32


@pytest.mark.parametrize(
    ("present", "label", "address", "length"),
    [
        (set(), "lab154", V4 + "154", 1),
        (series("lab{}", range(154, 155), V4), "lab154", V4 + "154", 1),
        (series("pc{:02}", range(1, 11), V4), "pc04", V4 + "4", 10),
        (series("pc{:02}", range(1, 11), V4), "pc10", V4 + "10", 10),
        # a gap ends the run
        (series("pc{}", range(1, 21), V4) - {(V4 + "8", f"pc8{EE}")}, "pc12", V4 + "12", 12),
        # the same names on addresses that do not keep step
        ({(f"{V4}{2 * n}", f"pc{n}{EE}") for n in range(1, 100)}, "pc20", V4 + "40", 1),
        # the same addresses with names that do not
        ({(f"{V4}{n}", f"pc{2 * n}{EE}") for n in range(1, 100)}, "pc40", V4 + "20", 1),
        # names of another domain
        ({(f"{V4}{n}", f"pc{n}.cs.nthu.edu.tw") for n in range(1, 100)}, "pc20", V4 + "20", 1),
        # two spellings are two series
        (
            series("pc{}", range(1, 9), V4) | series("pc{:02}", range(9, 20), V4),
            "pc12",
            V4 + "12",
            11,
        ),
        # in IPv6 as a number
        ({(f"{V6}{n:x}", f"pc{n}{EE}") for n in range(1, 51)}, "pc20", f"{V6}14", 50),
        # the name's own pair needs not be there: it is what was asked about
        (series("pc{}", range(1, 21), V4) - {(V4 + "8", f"pc8{EE}")}, "pc8", V4 + "8", 20),
    ],
)
def test_only_names_in_step_with_their_addresses_make_a_run(
    present: set[tuple[str, str]], label: str, address: str, length: int
) -> None:
    assert run(present, label, address) == length


@given(
    st.ip_addresses(),
    st.from_regex(r"[a-z0-9-]{1,20}\.tw", fullmatch=True),
    st.integers(min_value=0, max_value=40),
)
def test_any_name_has_few_neighbours_and_is_not_among_them(
    address: IPAddress, name: str, reach: int
) -> None:
    found = neighbours(name, address, reach)
    assert len(found) <= 10 * reach
    assert (str(address), name) not in found
    assert 1 <= run_length(set(found), name, address, reach) <= 2 * reach + 1
