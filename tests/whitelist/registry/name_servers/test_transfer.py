"""Transfers from servers that do it right, each in its own way, and from servers that do not."""

from __future__ import annotations

import resource
import time
from contextlib import contextmanager, suppress

import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from tests.whitelist.registry.name_servers.scripted import (
    HOST,
    KEY,
    OTHER_SECRET,
    Signer,
    framed,
    reply,
    tcp,
)
from whitelist.registry.name_servers.answer import Answer, NoZoneError
from whitelist.registry.name_servers.faults import Fault, NameServerError
from whitelist.registry.name_servers.server import Server
from whitelist.registry.name_servers.transfer import TransferKind, fetch
from whitelist.registry.name_servers.wire import Message, Record, WireError

ZONE = "nthu.edu.tw"
A1, A2, A3 = (f"pc{n}.nthu.edu.tw. A 140.114.64.{n}" for n in (1, 2, 3))
NS = "nthu.edu.tw. NS ns1.nthu.edu.tw."
CUT = "EE.nthu.edu.tw. NS ns1.ee.nthu.edu.tw."
RENAMED = "old.nthu.edu.tw. DNAME new.nthu.edu.tw."
TEXT = 'nthu.edu.tw. TXT "v=spf1 -all"'
OUTSIDE = "pc.nctu.edu.tw. A 140.113.1.1"
ABROAD = "nctu.edu.tw. NS ns1.nctu.edu.tw."


def soa(serial: int, zone: str = ZONE, minimum: int = 60) -> str:
    return f"{zone}. SOA ns1.nthu.edu.tw. root.nthu.edu.tw. {serial} 3600 900 1209600 {minimum}"


FULL = [soa(7), NS, CUT, RENAMED, TEXT, A1, OUTSIDE, ABROAD, A2, soa(7)]
CHANGES = [soa(9), soa(7), A1, soa(8), A2, soa(8), A2, soa(9), A3, A1, soa(9)]


def fetched(server, *, serial=None, deadline=20.0, stall=5.0, most_bytes=1_000_000, folder=None):
    return fetch(
        server,
        ZONE,
        serial=serial,
        deadline=deadline,
        stall=stall,
        most_bytes=most_bytes,
        folder=folder,
    )


def answering(records, *, per_message=None, key=None):
    """An act that sends these records, in messages of so many, each signed with a key."""
    size = per_message or len(records)

    def act(conversation):
        query = conversation.query
        parts = [records[at : at + size] for at in range(0, len(records), size)]
        messages = [reply(query, part) for part in parts]
        signer = Signer(query, key=key) if key else None
        conversation.send(*(map(signer.sign, messages) if signer else messages))

    return act


@contextmanager
def transferred(records, *, serial=None, key=None, per_message=None):
    with (
        tcp(answering(records, per_message=per_message, key=key)) as scripted,
        fetched(scripted.server(key), serial=serial) as transfer,
    ):
        yield transfer


def fault_of(act, *, key=None, **options) -> NameServerError:
    with tcp(act) as scripted:
        server = scripted.server(key)
        with pytest.raises(NameServerError) as caught, fetched(server, **options):
            pytest.fail("nothing may be handed on")
    assert caught.value.server == server
    return caught.value


@pytest.mark.parametrize("per_message", [1, 2, 3, 100])
@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("serial", [None, 6])
def test_a_full_transfer_is_handed_on_in_order(per_message, key, serial):
    with transferred(FULL, per_message=per_message, key=key, serial=serial) as transfer:
        records = list(transfer.records())
        assert records == list(transfer.records())
    assert (transfer.kind, transfer.soa.serial) == (TransferKind.FULL, 7)
    assert (transfer.old_serial, transfer.records_count) == (None, len(FULL))
    assert transfer.cuts == {"ee.nthu.edu.tw"}
    assert transfer.renamed == {"old.nthu.edu.tw"}
    assert [record.type for record in records] == ["SOA", "NS", "NS", "DNAME", *"AA", "NS", "A"]
    assert records[4:6] == [
        Record("pc1.nthu.edu.tw", "A", "140.114.64.1"),
        Record("pc.nctu.edu.tw", "A", "140.113.1.1"),
    ]


def test_a_dname_at_the_apex_counts_and_one_outside_the_zone_does_not():
    moved = [f"{owner}. DNAME new.example.org." for owner in (ZONE, "edu.tw")]
    records = [soa(7), *moved, soa(7)]
    with transferred(records) as transfer:
        assert transfer.renamed == {"nthu.edu.tw"}


@pytest.mark.parametrize("per_message", [1, 2, 3, 100])
@pytest.mark.parametrize("key", [None, KEY])
def test_an_incremental_transfer_tells_what_goes_and_what_comes(per_message, key):
    with transferred(CHANGES, serial=7, per_message=per_message, key=key) as transfer:
        changes = [(added, record.owner[:3]) for added, record in transfer.changes()]
    assert (transfer.kind, transfer.old_serial) == (TransferKind.INCREMENTAL, 7)
    assert (transfer.soa.serial, transfer.records_count) == (9, len(CHANGES))
    assert changes == [
        (False, "pc1"), (True, "pc2"), (False, "pc2"), (True, "pc3"), (True, "pc1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("records", "added", "removed"),
    [
        ([soa(8), soa(7), soa(8), soa(8)], 0, 0),
        ([soa(8), soa(7), soa(8), A1, soa(8)], 1, 0),
        ([soa(8), soa(7), A1, soa(8), soa(8)], 0, 1),
        ([soa(0), soa(7), A1, soa(2**32 - 1), soa(2**32 - 1), soa(0), A2, soa(0)], 1, 1),
    ],
)
def test_a_part_may_be_empty_and_serials_may_wrap(records, added, removed):
    with transferred(records, serial=7) as transfer:
        ways = [way for way, _record in transfer.changes()]
    assert (ways.count(True), ways.count(False)) == (added, removed)


@pytest.mark.parametrize("serial", [7, 8, 2**31])
@pytest.mark.parametrize("key", [None, KEY])
def test_a_lone_soa_that_is_not_newer_means_unchanged(serial, key):
    with transferred([soa(7)], serial=serial, key=key) as transfer:
        pass
    assert (transfer.kind, transfer.soa.serial) == (TransferKind.UNCHANGED, 7)
    assert (transfer.old_serial, transfer.records_count) == (None, 1)


def test_the_same_serial_may_be_answered_with_everything():
    with transferred(FULL, serial=7) as transfer:
        assert transfer.kind == TransferKind.FULL


def test_an_empty_zone_is_one():
    for serial in (None, 6):
        with transferred([soa(7), soa(7)], serial=serial) as transfer:
            assert [record.type for record in transfer.records()] == ["SOA"]


def test_only_what_a_transfer_has_can_be_read():
    with transferred(FULL) as transfer, pytest.raises(ValueError, match="no changes"):
        list(transfer.changes())
    for records, serial in ((CHANGES, 7), ([soa(7)], 7)):
        with (
            transferred(records, serial=serial) as transfer,
            pytest.raises(ValueError, match="no records"),
        ):
            list(transfer.records())


@pytest.mark.parametrize("rcode", [dns.rcode.NOTIMP, dns.rcode.FORMERR])
@pytest.mark.parametrize("key", [None, KEY])
def test_a_server_that_does_not_know_ixfr_is_asked_for_all(rcode, key):
    def refuse(conversation):
        conversation.send(reply(conversation.query, rcode=rcode))

    with (
        tcp(refuse, answering(FULL, key=key)) as scripted,
        fetched(scripted.server(key), serial=6) as transfer,
    ):
        assert transfer.kind == TransferKind.FULL
    kinds = [query.question[0].rdtype for query in scripted.questions]
    assert kinds == [dns.rdatatype.IXFR, dns.rdatatype.AXFR]
    assert scripted.questions[0].authority[0][0].serial == 6


def test_other_questions_are_asked_once_only():
    def refuse(conversation):
        conversation.send(reply(conversation.query, rcode=dns.rcode.NOTIMP))

    assert fault_of(refuse).fault == Fault.NOT_SERVED


@pytest.mark.parametrize(
    "records",
    [
        [A1, soa(7)],
        [soa(7), A1, soa(8)],
        [soa(7), A1, soa(7, minimum=61)],
        [soa(7), A1, soa(7), A2],
        [soa(7), A1, soa(7), soa(7)],
        [soa(7), A1, soa(7, "ee.nthu.edu.tw"), soa(7)],
        [soa(7, "edu.tw"), A1, soa(7, "edu.tw")],
    ],
)
@pytest.mark.parametrize("per_message", [1, 2, 100])
@pytest.mark.parametrize("serial", [None, 6])
def test_a_full_transfer_begins_and_ends_with_its_soa(records, per_message, serial):
    if per_message == 1 and records[2:3] == [soa(7)]:
        records = [*records[:2], soa(8), *records[2:]]  # else it ends before the surplus
    act = answering(records, per_message=per_message)
    assert fault_of(act, serial=serial).fault == Fault.MALFORMED


@pytest.mark.parametrize(
    "records",
    [
        [soa(9), soa(6), A1, soa(9), A2, soa(9)],  # begins too early
        [soa(9), soa(8), A1, soa(9), A2, soa(9)],  # begins too late
        [soa(9), soa(7), A1, soa(8), A2, soa(7), A1, soa(9), A2, soa(9)],  # goes back
        [soa(9), soa(7), A1, soa(8), A2, soa(9)],  # ends before it is there
        [soa(9), soa(7), soa(9), A2, soa(9, minimum=61)],  # ends with another SOA
        [soa(9), soa(7), soa(9), soa(9), A1],  # goes on after its end
        [soa(9), soa(7), A1, soa(8, "ee.nthu.edu.tw"), A2, soa(9)],
    ],
)
def test_the_parts_of_an_incremental_transfer_follow_each_other(records):
    assert fault_of(answering(records), serial=7).fault == Fault.MALFORMED


@pytest.mark.parametrize("kept", range(1, len(CHANGES)))
def test_an_incremental_transfer_that_ends_early_is_cut_off(kept):
    assert fault_of(answering(CHANGES[:kept]), serial=7).fault == Fault.CUT_OFF


@pytest.mark.parametrize("key", [None, KEY])
def test_a_transfer_cut_at_any_byte_is_cut_off(key):
    for at in range(1, 620, 13):

        def act(conversation, at=at):
            query = conversation.query
            messages = [reply(query, FULL[:5]), reply(query, FULL[5:])]
            signer = Signer(query)
            sent = framed(*(map(signer.sign, messages) if key else messages))
            conversation.send_raw(sent[: min(at, len(sent) - 1)])

        assert fault_of(act, key=key).fault == Fault.CUT_OFF


def silent_after(records):
    def act(conversation):
        if records:
            conversation.send(reply(conversation.query, records))
        conversation.fall_silent()

    return act


def test_a_server_that_falls_silent_is_stalled():
    begin = time.monotonic()
    error = fault_of(silent_after(FULL[:5]), stall=0.2)
    assert error.fault == Fault.STALLED
    assert "0.2 s" in error.detail
    assert time.monotonic() - begin < 3


def test_a_server_that_never_says_anything_is_down():
    assert fault_of(silent_after([]), stall=0.2).fault == Fault.DOWN
    assert fault_of(lambda _conversation: None).fault == Fault.DOWN


def test_a_server_that_drips_is_stalled_when_the_time_is_over():
    def drip(conversation):
        for byte in framed(reply(conversation.query, FULL)):
            conversation.send_raw(bytes([byte]))
            time.sleep(0.02)

    begin = time.monotonic()
    assert fault_of(drip, stall=5, deadline=0.3).fault == Fault.STALLED
    assert time.monotonic() - begin < 3


def test_a_slow_server_that_keeps_sending_is_waited_for():
    def slow(conversation):
        for record in FULL:
            conversation.send(reply(conversation.query, [record]))
            time.sleep(0.05)

    with tcp(slow) as scripted, fetched(scripted.server(), stall=0.3) as transfer:
        assert transfer.records_count == len(FULL)


def test_nobody_listening_is_down():
    with tcp() as scripted:
        port = scripted.port
    with pytest.raises(NameServerError) as caught, fetched(Server(HOST, port)):
        pytest.fail("nothing may be handed on")
    assert caught.value.fault == Fault.DOWN


@pytest.mark.parametrize("records", [FULL, [*FULL[:5], *[A1] * 500]])
def test_a_transfer_over_the_limit_is_too_large(records):
    error = fault_of(answering(records, per_message=5), most_bytes=300)
    assert (error.fault, error.detail) == (Fault.TOO_LARGE, "more than 300 bytes")


@pytest.mark.parametrize(
    ("rcode", "fault"),
    [
        (dns.rcode.REFUSED, Fault.REFUSED),
        (dns.rcode.NOTAUTH, Fault.NOT_SERVED),
        (dns.rcode.SERVFAIL, Fault.NOT_SERVED),
        (dns.rcode.NXDOMAIN, Fault.NOT_SERVED),
    ],
)
@pytest.mark.parametrize("before", [[], FULL[:3]])
@pytest.mark.parametrize("serial", [None, 6])
def test_an_error_code_ends_a_transfer_wherever_it_comes(rcode, fault, before, serial):
    def act(conversation):
        if before:
            conversation.send(reply(conversation.query, before))
        conversation.send(reply(conversation.query, rcode=rcode))

    assert fault_of(act, serial=serial).fault == fault


def test_an_answer_without_records_is_not_served():
    assert fault_of(lambda talk: talk.send(reply(talk.query))).fault == Fault.NOT_SERVED


@pytest.mark.parametrize(
    "message",
    [
        lambda query: b"",
        lambda query: b"HTTP/1.1 400 Bad Request\r\n\r\n",
        lambda query: query.to_wire(),
        lambda query: b"\xff\xff" + reply(query, FULL)[2:],
        lambda query: reply(query, FULL).replace(b"\4nthu", b"\4nctu"),
        lambda query: reply(query, FULL)[:-1],
        lambda query: reply(query, FULL) + b"\0",
    ],
)
def test_what_is_no_answer_to_the_question_is_malformed(message):
    assert fault_of(lambda talk: talk.send(message(talk.query))).fault == Fault.MALFORMED


@pytest.mark.parametrize(("records", "serial"), [(FULL, None), (CHANGES, 7)])
def test_whatever_becomes_of_a_byte_the_order_is_followed_or_refused(records, serial):
    query = dns.message.make_query(ZONE, "AXFR")
    wire = reply(query, records)
    for at in range(len(wire)):
        for byte in (0, 1, 64, 192, wire[at] ^ 1, wire[at] ^ 255):
            with suppress(WireError, NoZoneError):
                Answer(ZONE, serial).take(Message(wire[:at] + bytes([byte]) + wire[at + 1 :]))


@pytest.mark.parametrize("gap", [0, 1, 99])
def test_messages_may_be_covered_by_a_later_signature(gap):
    with tcp(covering(gap)) as scripted, fetched(scripted.server(KEY)) as transfer:
        assert sum(1 for _ in transfer.records()) == gap + 2


def covering(gap, *, last_signed=True, change=lambda wire: wire):
    """First message signed, then so many that are not, then one that covers them."""

    def act(conversation):
        query = conversation.query
        signer = Signer(query)
        conversation.send(signer.sign(reply(query, [soa(7)])))
        for _ in range(gap):
            conversation.send(change(signer.cover(reply(query, [A1]))))
        last = reply(query, [A2, soa(7)])
        conversation.send(signer.sign(last) if last_signed else last)
        conversation.fall_silent()

    return act


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (answering(FULL), "not signed"),
        (answering(FULL, per_message=2), "not signed"),
        (answering(FULL, key=OTHER_SECRET), "not verify"),
        (covering(100), "too many"),
        (covering(1, last_signed=False), "last message"),
        (covering(1, change=lambda wire: wire.replace(b"\x40\x01", b"\x40\x02")), "not verify"),
        (covering(1, change=lambda wire: b""), None),
    ],
)
def test_what_is_not_signed_throughout_is_not_handed_on(act, told):
    error = fault_of(act, key=KEY)
    assert error.fault == (Fault.WRONG_KEY if told else Fault.MALFORMED)
    assert told is None or told in error.detail


def signed_parts(query, order, **changes):
    signer = Signer(query, **changes)
    parts = [[soa(7), A1], [A2], [A3], [soa(7)]]
    messages = [signer.sign(reply(query, part)) for part in parts]
    return [messages[number] for number in order]


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (0, 1, 3), (0, 1, 1, 2, 3), (1, 0, 2, 3)])
def test_messages_that_were_reordered_dropped_or_repeated_are_noticed(order):
    error = fault_of(lambda talk: talk.send(*signed_parts(talk.query, order)), key=KEY)
    assert error.fault == Fault.WRONG_KEY


@pytest.mark.parametrize(("clock", "told"), [(-400, "-400 s"), (86_400, "+86400 s")])
def test_a_server_with_a_wrong_clock_is_noticed(clock, told):
    def act(conversation):
        conversation.send(*signed_parts(conversation.query, range(4), clock=clock))

    error = fault_of(act, key=KEY)
    assert error.fault == Fault.CLOCK
    assert told in error.detail


@pytest.mark.parametrize(
    ("code", "fault"), [(16, Fault.WRONG_KEY), (17, Fault.WRONG_KEY), (18, Fault.CLOCK)]
)
def test_what_the_server_says_of_our_signature_is_told_apart(code, fault):
    def act(conversation):
        query = conversation.query
        wire = reply(query, rcode=dns.rcode.NOTAUTH)
        conversation.send(Signer(query, error=code, other=bytes(6)).sign(wire))

    for serial in (None, 6):
        assert fault_of(act, key=KEY, serial=serial).fault == fault


def test_a_signed_answer_to_an_unsigned_question_is_malformed():
    assert fault_of(answering(FULL, key=KEY)).fault == Fault.MALFORMED


def test_data_that_do_not_fit_their_type_come_out_when_they_are_read():
    def broken(conversation):
        wire = reply(conversation.query, [soa(7), "a.nthu.edu.tw. TXT abcd", soa(7)])
        conversation.send(wire.replace(b"\0\x10\0\1", b"\0\1\0\1", 1))  # calls the text an A

    with tcp(broken) as scripted, fetched(scripted.server()) as transfer:
        records = transfer.records()
        with pytest.raises(NameServerError) as caught:
            list(records)
    assert caught.value.fault == Fault.MALFORMED


def test_the_answer_waits_in_the_folder_without_a_name(tmp_path):
    with tcp(answering(FULL)) as scripted, fetched(scripted.server(), folder=tmp_path) as transfer:
        assert list(tmp_path.iterdir()) == []
        assert transfer.spool.seek(0, 2) == transfer.bytes + 2
    assert transfer.spool.closed


def test_memory_does_not_grow_with_the_zone():
    filler = [f"{n:x}.nthu.edu.tw. A 140.114.64.1" for n in range(1_500)]

    def act(conversation):
        query = conversation.query
        conversation.send(reply(query, [soa(7)]))
        message = framed(reply(query, filler)) * 20
        for _ in range(40):
            conversation.send_raw(message)
        conversation.send(reply(query, [soa(7)]))

    with tcp(act) as scripted:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with fetched(scripted.server(), most_bytes=10**9, deadline=30) as transfer:
            assert transfer.records_count == 1_200_002
            assert transfer.bytes > 20_000_000
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 10_000  # kilobytes
