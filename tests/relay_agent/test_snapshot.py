"""A snapshot is taken whole and rightly signed, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_agent.snapshot import FORMAT, Limits, Snapshot, SnapshotError, pack, unpack
from relay_agent.text import to_records
from tests.relay_agent.centre import KEY, OTHER_KEY, signed
from tests.relay_agent.tools import ADDRESSES, entries

ISSUED = 1_764_000_000
KEYS = {"k1": KEY.public_key()}
RECORDS = to_records(entries("140.114.64.154", "2001:288:e001::64", expiry=ISSUED + 3600))
GOOD = Snapshot("https://w.example", 7, ISSUED, ISSUED + 900, Limits(100, 1000), RECORDS)
LIMITS = {"per_day": 0, "per_hour": 0}
HEADER = {
    "entries": 0,
    "issued_at": ISSUED,
    "limits": LIMITS,
    "not_after": ISSUED + 900,
    "serial": 7,
    "service": "https://w.example",
}


def rightly_signed(content: bytes) -> bytes:
    """Whatever stands there, signed as the service would: a service gone mad."""
    whole = pack(GOOD, "k1", lambda _: KEY.sign(FORMAT + b"\n" + content))
    return whole.partition(b"\n")[0] + b"\n" + content


def with_header(**changes: Any) -> bytes:
    header = {name: value for name, value in (HEADER | changes).items() if value is not ...}
    return rightly_signed(json.dumps(header).encode() + b"\n")


def with_lines(lines: bytes, count: int) -> bytes:
    return rightly_signed(json.dumps(HEADER | {"entries": count}).encode() + b"\n" + lines)


@given(
    st.builds(
        Snapshot,
        service=st.text(max_size=30),
        serial=st.integers(0, 2**60),
        issued_at=st.just(ISSUED),
        not_after=st.integers(ISSUED + 1, ISSUED + 86_400),
        limits=st.builds(Limits, st.integers(0, 10**9), st.integers(0, 10**9)),
        records=st.dictionaries(
            st.sampled_from(ADDRESSES), st.integers(1, ISSUED + 86_400), max_size=9
        ).map(to_records),
    )
)
def test_what_was_packed_is_unpacked(found: Snapshot) -> None:
    assert unpack(signed(found), KEYS) == found
    assert unpack(signed(found), KEYS, known=RECORDS) == found


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    assert signed(GOOD) == signed(GOOD)


def test_cut_at_any_length_it_is_refused() -> None:
    data = signed(GOOD)
    assert unpack(data, KEYS) == GOOD
    for length in range(len(data)):
        with pytest.raises(SnapshotError):
            unpack(data[:length], KEYS)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_with_any_byte_flipped_it_is_refused(mask: int) -> None:
    data = signed(GOOD)
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= mask
        with pytest.raises(SnapshotError):
            unpack(bytes(flipped), KEYS)


@pytest.mark.parametrize("more", [b"\n", b"\0", b"10.0.0.1\t9\n"])
def test_with_anything_behind_it_it_is_refused(more: bytes) -> None:
    with pytest.raises(SnapshotError):
        unpack(signed(GOOD) + more, KEYS)


def test_signed_with_another_key_under_our_keys_name_it_is_refused() -> None:
    with pytest.raises(SnapshotError, match="signature by the key 'k1' does not hold"):
        unpack(signed(GOOD, OTHER_KEY), KEYS)


def test_signed_with_a_key_that_is_not_pinned_it_is_refused() -> None:
    with pytest.raises(SnapshotError, match="'k2', which is none of ours"):
        unpack(signed(GOOD, OTHER_KEY, "k2"), KEYS)


def test_while_keys_rotate_both_are_taken_and_afterwards_only_the_new_one() -> None:
    old, new = signed(GOOD), signed(GOOD, OTHER_KEY, "k2")
    both = KEYS | {"k2": OTHER_KEY.public_key()}
    assert unpack(old, both) == unpack(new, both) == GOOD
    with pytest.raises(SnapshotError):
        unpack(old, {"k2": OTHER_KEY.public_key()})


def test_order_is_by_serial_and_then_by_issue() -> None:
    orders = [
        Snapshot("s", serial, issued, issued + 1, Limits(), {}).order
        for serial, issued in [(1, 50), (2, 10), (2, 11), (3, 1)]
    ]
    assert orders == sorted(orders)


@pytest.mark.parametrize(
    ("lines", "count", "reason"),
    [
        (b"10.0.0.1\t1\n10.0.0.1\t1\n", 2, "twice"),
        (b"10.0.0.1\t1\n10.0.0.1\t2\n", 2, "twice"),
        (b"10.0.0.1\t1\n", 2, "as many entries"),
        (b"10.0.0.1\t1\n", 0, "as many entries"),
        (b"10.0.0.1\t1", 1, "cut"),
        (b"010.0.0.1\t1\n", 1, "10.0.0.1"),
        (b"2001:DB8::1\t1\n", 1, "canonical"),
        (b"::ffff:10.0.0.1\t1\n", 1, "canonical"),
        (b"fe80::1%eth0\t1\n", 1, "not an entry"),
        (b"10.0.0.0/8\t1\n", 1, "10.0.0.0/8"),
        (b"unknown\t1\n", 1, "unknown"),
        (b"127.9\t1\n", 1, "127.9"),
        (b"10.0.0.1\t01\n", 1, "canonical"),
        (b"10.0.0.1\tOK\n", 1, "not an entry"),
        (b"10.0.0.1\t0\n", 1, "expiry"),
        (b"10.0.0.1 1\n", 1, "entry"),
        (b"\n", 1, "entry"),
        (b"10.0.0.1\t1\t2\n", 1, "entry"),
        (b"10.0.0.1\t%d\n" % (ISSUED + 90_000), 1, "more than a day"),
    ],
)
def test_an_entry_that_no_table_should_hold_is_refused_though_rightly_signed(
    lines: bytes, count: int, reason: str
) -> None:
    with pytest.raises(SnapshotError, match=reason):
        unpack(with_lines(lines, count), KEYS)


def test_the_same_lines_in_canonical_form_are_taken() -> None:
    assert len(unpack(with_lines(b"10.0.0.1\t1\n2001:db8::1\t2\n", 2), KEYS).records) == 2


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: rightly_signed(b""), id="nothing"),
        pytest.param(lambda: rightly_signed(b"{}\n"), id="empty"),
        pytest.param(lambda: rightly_signed(b"[" * 100_000 + b"\n"), id="deep"),
        pytest.param(lambda: with_header(serial="7"), id="serial as text"),
        pytest.param(lambda: with_header(serial=-1), id="negative serial"),
        pytest.param(lambda: with_header(serial=True), id="true for a serial"),
        pytest.param(lambda: with_header(serial=...), id="no serial"),
        pytest.param(lambda: with_header(service=1), id="service a number"),
        pytest.param(lambda: with_header(more=1), id="one field more"),
        pytest.param(
            lambda: with_header(limits={"per_day": 1, "per_hour": 1, "per_year": 1}),
            id="one limit more",
        ),
        pytest.param(
            lambda: with_header(limits={"per_day": -1, "per_hour": 0}), id="negative limit"
        ),
        pytest.param(lambda: with_header(limits=[]), id="limits a list"),
        pytest.param(lambda: with_header(limits={"per_hour": 5}), id="a limit missing"),
        pytest.param(lambda: with_header(entries=10**9), id="too many entries"),
        pytest.param(lambda: with_header(not_after=ISSUED), id="never good"),
        pytest.param(lambda: with_header(not_after=ISSUED + 90_000), id="good for too long"),
        pytest.param(lambda: with_header(issued_at=1.5), id="half a second"),
    ],
)
def test_a_header_of_another_shape_is_refused_though_rightly_signed(
    make: Callable[[], bytes],
) -> None:
    with pytest.raises(SnapshotError):
        unpack(make(), KEYS)


def test_that_header_without_a_fault_is_taken() -> None:
    assert unpack(with_header(), KEYS).serial == 7
