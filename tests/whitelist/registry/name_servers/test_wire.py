"""The reader of DNS messages: agrees with dnspython, and no bytes can hurt it."""

from __future__ import annotations

import ipaddress
import random
import struct
import time

import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whitelist.registry.name_servers.wire import (
    LANDMARKS,
    TYPES,
    Message,
    Record,
    Soa,
    WireError,
)

HEADER = struct.Struct(">6H")
SOA_TEXT = "ns1.nthu.edu.tw. root.nthu.edu.tw. 4294967295 3600 900 1209600 86400"
ZONE = [
    ("nthu.edu.tw.", "SOA", SOA_TEXT),
    ("nthu.edu.tw.", "NS", "ns1.nthu.edu.tw."),
    ("nthu.edu.tw.", "MX", "10 mail.nthu.edu.tw."),
    ("nthu.edu.tw.", "TXT", '"v=spf1 -all"'),
    ("lab.nthu.edu.tw.", "NS", "."),
    ("LAB154.EE.nthu.edu.tw.", "A", "140.114.64.154"),
    ("lab154.ee.nthu.edu.tw.", "AAAA", "2001:288:e001:64::154"),
    ("lab154.ee.nthu.edu.tw.", "AAAA", "::ffff:140.114.64.154"),
    ("*.ee.nthu.edu.tw.", "A", "140.114.64.9"),
    ("old.nthu.edu.tw.", "DNAME", "new.nthu.edu.tw."),
    ("1.88.114.140.in-addr.arpa.", "CNAME", "1.0/27.88.114.140.in-addr.arpa."),
    ("1.0/27.88.114.140.in-addr.arpa.", "PTR", "Pc1.Chem.nthu.edu.tw."),
    ("2.0/27.88.114.140.in-addr.arpa.", "PTR", "Pc1.Chem.nthu.edu.tw."),
    ("a\\.b\\000\\255.nthu.edu.tw.", "PTR", "c\\032\\\\d\\$.nthu.edu.tw."),
    ("tw.", "PTR", "x."),
    (".", "PTR", "."),
]
DATA = st.one_of(
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
)
LABEL = st.one_of(
    st.sampled_from([b"lab", b"LAB", b"ee", b"nthu", b"in-addr", b"*", b"0/27", b"a" * 63]),
    st.binary(min_size=1, max_size=12),
)


def is_possible(labels: list[bytes]) -> bool:
    return sum(len(label) + 1 for label in labels) < 255


NAME = (
    st.lists(LABEL, max_size=6).filter(is_possible).map(lambda found: dns.name.Name([*found, b""]))
)
TARGETED = st.tuples(
    st.sampled_from(["PTR", "NS", "CNAME", "DNAME"]), NAME.map(lambda name: name.to_text())
)


def message_of(records, *, compressed: bool = True) -> bytes:
    """A reply with these (owner, type, text) in its answer section, one at a time and in order."""
    message = dns.message.make_response(dns.message.make_query("nthu.edu.tw.", "AXFR"))
    for owner, kind, text in records:
        message.answer.append(dns.rrset.from_text(owner, 300, "IN", kind, text))
    wire = message.to_wire(want_shuffle=False)
    return wire if compressed else uncompressed(message)


def uncompressed(message: dns.message.Message) -> bytes:
    """As knot sends it: targets are spelled out."""
    parts: list[bytes | None] = [
        HEADER.pack(message.id, int(message.flags), 1, len(message.answer), 0, 0)
    ]
    for asked in message.question:
        parts += [asked.name.to_wire(), struct.pack(">HH", asked.rdtype, asked.rdclass)]
    for rrset in message.answer:
        data = rrset[0].to_wire()
        fixed = struct.pack(">HHIH", rrset.rdtype, rrset.rdclass, rrset.ttl, len(data))
        parts += [rrset.name.to_wire(), fixed, data]
    return b"".join(part or b"" for part in parts)


def spelled(name: dns.name.Name) -> str:
    """Our way to write a name, in other words: byte for byte."""
    return ".".join(
        "".join(
            chr(byte) if 32 < byte < 127 and chr(byte) not in '."();\\@$' else f"\\{byte:03d}"
            for byte in label.lower()
        )
        for label in name.labels[:-1]
    )


def expected(records) -> list[Record]:
    """What dnspython says that these records are."""
    found = []
    for owner, kind, text in records:
        if kind not in TYPES.values():
            continue
        rdata = dns.rrset.from_text(owner, 300, "IN", kind, text)[0]
        if kind in {"A", "AAAA"}:
            data = str(ipaddress.ip_address(rdata.address))
        elif kind == "SOA":
            data = text
        else:
            data = spelled(rdata.target)
        found.append(Record(spelled(dns.name.from_text(owner)), kind, data))
    return found


def read(wire: bytes) -> list[Record]:
    """Everything that the reader does with a message."""
    message = Message(wire)
    for place in message.landmarks:
        assert message.record_at(place).owner == message.owner_at(place)
    message.walk(message.answer_section[1], message.authorities + message.others, LANDMARKS)
    return list(message.records())


@pytest.mark.parametrize("compressed", [True, False])
def test_every_record_of_a_messy_zone_is_read_as_dnspython_reads_it(compressed):
    wire = message_of(ZONE, compressed=compressed)
    assert read(wire) == expected(ZONE)
    assert Message(wire).answers == len(ZONE)


def test_names_are_lower_case_without_final_dot_and_odd_bytes_are_escaped():
    names = {(record.owner, record.data) for record in read(message_of(ZONE))}
    assert ("lab154.ee.nthu.edu.tw", "140.114.64.154") in names
    assert ("1.0/27.88.114.140.in-addr.arpa", "pc1.chem.nthu.edu.tw") in names
    assert ("a\\046b\\000\\255.nthu.edu.tw", "c\\032\\092d\\036.nthu.edu.tw") in names
    assert ("", "") in names


def test_the_numbers_of_an_soa_come_apart():
    record = read(message_of(ZONE))[0]
    assert Soa.of(record) == Soa(4294967295, 3600, 900, 1209600, 86400)


def test_the_question_is_read_too():
    message = Message(message_of(ZONE))
    assert message.questions == [("nthu.edu.tw", dns.rdatatype.AXFR << 16 | 1)]


def test_landmarks_are_found_by_number_without_reading_the_rest():
    message = Message(message_of(ZONE))
    found = {place.number: message.record_at(place) for place in message.landmarks}
    assert {n: r.type for n, r in found.items()} == {0: "SOA", 1: "NS", 4: "NS", 9: "DNAME"}
    assert message.answer_section[1] == len(message.wire)


def test_records_of_another_class_are_not_ours():
    wire = bytearray(message_of([("a.tw.", "A", "140.114.64.1")]))
    wire[-12] = 3  # CHAOS
    assert read(bytes(wire)) == []


@given(
    st.lists(st.tuples(NAME.map(lambda n: n.to_text()), DATA | TARGETED), max_size=12),
    st.booleans(),
)
def test_whatever_records_there_are_both_readers_agree(rows, compressed):
    records = [(owner, kind, text) for owner, (kind, text) in rows]
    assert read(message_of(records, compressed=compressed)) == expected(records)


def handmade(*records: tuple[bytes, int, bytes], flags: int = 0x8400) -> bytes:
    """A message without question, of owners, types and data exactly as given."""
    body = b"".join(
        owner + struct.pack(">HHIH", kind, 1, 0, len(data)) + data for owner, kind, data in records
    )
    return HEADER.pack(1, flags, 0, len(records), 0, 0) + body


def pointer(offset: int) -> bytes:
    return struct.pack(">H", 0xC000 | offset)


def test_a_target_that_is_nothing_but_a_pointer_is_read_each_time():
    first = b"\1a\2tw\0"
    records = [(first, 12, pointer(12)), (first, 12, pointer(14)), (first, 12, pointer(12))]
    assert [record.data for record in read(handmade(*records))] == ["a.tw", "tw", "a.tw"]


def test_a_name_of_255_bytes_is_read_however_long_its_text():
    labels = (b"\x3f" + b"\xff" * 63) * 3 + b"\x3d" + b"\xff" * 61 + b"\0"
    (record,) = read(handmade((labels, 12, labels)))
    assert record.owner == record.data
    assert len(record.owner) == 4 * (63 * 3 + 61) + 3


LONG = b"\x3f" + b"a" * 63
A_DATA = b"\1\2\3\4"


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\0" * 11,
        HEADER.pack(1, 0, 1, 0, 0, 0),
        HEADER.pack(1, 0, 1, 0, 0, 0) + b"\0\0\1\0",
        HEADER.pack(1, 0, 0, 1, 0, 0),
        HEADER.pack(1, 0, 0, 0, 0, 1),
        handmade((b"", 1, A_DATA)),
        handmade((b"\x40a\0", 1, A_DATA)),
        handmade((b"\x80a\0", 1, A_DATA)),
        handmade((b"\1a\x80", 1, A_DATA)),
        handmade((pointer(12), 1, A_DATA)),  # to itself
        handmade((b"\1a" + pointer(12), 1, A_DATA)),  # to the name that it ends
        handmade((pointer(14) + b"\0", 1, A_DATA)),  # forward
        handmade((pointer(0), 1, A_DATA)),  # into the header
        handmade((pointer(0x3FFF), 1, A_DATA)),  # beyond the end
        handmade((b"\0", 1, b"\1\2\3")),
        handmade((b"\0", 1, b"\1\2\3\4\5")),
        handmade((b"\0", 28, A_DATA)),
        handmade((b"\0", 12, b"")),
        handmade((b"\0", 12, b"\1a\0\0")),
        handmade((b"\0", 12, b"\1a")),
        handmade((b"\0", 2, b"\5a\0")),
        handmade((b"\0", 12, b"\1a\0"), (b"\0", 12, b"\1")),
        handmade((b"\0", 6, b"\0\0" + b"\0" * 19)),
        handmade((b"\0", 6, b"\0\0" + b"\0" * 21)),
        handmade((LONG * 3 + b"\x3e" + b"a" * 62 + b"\0", 1, A_DATA)),  # 256 bytes
        handmade((LONG * 3 + b"\0", 1, A_DATA), (LONG + pointer(12), 1, A_DATA)),
        handmade((b"\0", 12, LONG * 3 + b"\0"), (b"\0", 12, LONG + pointer(23))),
        handmade((b"\0", 1, A_DATA))[:-1],
    ],
)
def test_what_is_malformed_is_refused(wire):
    with pytest.raises(WireError):
        read(wire)


def test_a_message_cut_at_any_length_is_refused():
    wire = message_of(ZONE)
    for length in range(len(wire)):
        with pytest.raises(WireError):
            read(wire[:length])


@pytest.mark.parametrize("compressed", [True, False])
def test_any_byte_may_be_anything(compressed):
    wire = message_of(ZONE, compressed=compressed)
    chooser = random.Random(2026)  # noqa: S311
    for at in range(len(wire)):
        for byte in {0, 1, 63, 64, 128, 192, 255, chooser.randrange(256)}:
            survive(wire[:at] + bytes([byte]) + wire[at + 1 :])


@given(st.binary(max_size=300), st.integers(0, 9), st.integers(0, 9))
@example(b"\xc0\x0c" * 100, 9, 9)
def test_noise_is_survived(noise, questions, answers):
    survive(noise)
    survive(HEADER.pack(1, 0x8400, questions, answers, 1, 1) + noise)


def survive(wire: bytes) -> None:
    try:
        read(wire)
    except WireError:
        return


def chain_of_pointers() -> bytes:
    """Every pointer points to the one before it."""
    chain = b"\1a\0" + pointer(23) + b"".join(pointer(26 + 2 * n) for n in range(8_000))
    owners = [(pointer(26 + 2 * n), 12, pointer(26 + 2 * n)) for n in range(7_999, 4_500, -1)]
    return handmade((b"\0", 16, chain), *owners)


def labels_shared_by_all() -> bytes:
    """Every record points to another place in a long name of short labels."""
    name = (b"\1\xff" * 126 + b"\0\0") * 60
    owners = [(pointer(23 + 2 * n), 12, pointer(23 + 2 * n)) for n in range(3_500)]
    return handmade((b"\0", 16, name), *owners)


@pytest.mark.parametrize("make", [chain_of_pointers, labels_shared_by_all])
def test_a_message_made_to_be_slow_is_read_or_refused_quickly(make):
    wire = make()
    assert len(wire) < 65_536
    begin = time.process_time()
    survive(wire)
    assert time.process_time() - begin < 3
