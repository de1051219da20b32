"""Questions over UDP and TCP: right answers, and every way to get none."""

from __future__ import annotations

import socket
import time

import dns.rcode
import pytest

from tests.whitelist.registry.name_servers.scripted import (
    HOST,
    KEY,
    OTHER_ALGORITHM,
    OTHER_NAME,
    OTHER_SECRET,
    Signer,
    reply,
    tcp,
    udp,
    with_signature,
)
from whitelist.registry.name_servers.faults import Fault, NameServerError
from whitelist.registry.name_servers.query import Server, Soa, ask_records, ask_soa

ZONE = "nthu.edu.tw"
SOA_LINE = "nthu.edu.tw. SOA ns1.nthu.edu.tw. root.nthu.edu.tw. 7 3600 900 1209600 60"
SOA = Soa(7, 3600, 900, 1209600, 60)
OWNER = "154.64.114.140.in-addr.arpa"
PTR = f"{OWNER}. PTR Lab154.EE.nthu.edu.tw."


def soa_reply(query, **changes):
    return reply(query, [SOA_LINE], **changes)


def signed(query, **changes):
    return [Signer(query, **changes).sign(soa_reply(query))]


def fault_of(scripted, key=None, timeout=5.0) -> NameServerError:
    with pytest.raises(NameServerError) as caught:
        ask_soa(scripted.server(key), ZONE, timeout=timeout)
    assert caught.value.server == scripted.server(key)
    return caught.value


@pytest.mark.parametrize("zone", ["nthu.edu.tw", "NTHU.edu.tw."])
def test_an_soa_comes_back_as_numbers(zone):
    with udp(lambda query: [soa_reply(query)]) as scripted:
        assert ask_soa(scripted.server(), zone, timeout=5) == SOA
    (query,) = scripted.questions
    assert (query.flags, query.edns, query.had_tsig) == (0, 0, False)


def test_an_ipv6_server_is_asked_as_well():
    with udp(lambda query: [soa_reply(query)], host="::1") as scripted:
        assert ask_soa(Server("::1", scripted.port), ZONE, timeout=5) == SOA


def test_with_a_key_question_and_answer_are_signed():
    with udp(signed) as scripted:
        assert ask_soa(scripted.server(KEY), ZONE, timeout=5) == SOA
    assert scripted.questions[0].had_tsig


def test_a_lost_datagram_is_sent_again():
    with udp(lambda _query: [], lambda query: [soa_reply(query)]) as scripted:
        assert ask_soa(scripted.server(), ZONE, timeout=1) == SOA
    assert len(scripted.questions) == 2


@pytest.mark.parametrize(
    "stray",
    [
        lambda query: b"",
        lambda query: b"\0",
        lambda query: bytes([query.id >> 8, (query.id + 1) & 255]) + soa_reply(query)[2:],
        lambda query: query.to_wire(),  # its own question, no answer
        lambda query: soa_reply(query).replace(b"\4nthu", b"\4nctu"),
        lambda query: soa_reply(query, flags="QR AA")[:2] + b"\x28" + soa_reply(query)[3:],
        lambda query: soa_reply(query)[:4] + b"\0\0" + soa_reply(query)[6:12],
    ],
)
def test_what_answers_another_question_is_passed_over(stray):
    with udp(lambda query: [stray(query), soa_reply(query)]) as scripted:
        assert ask_soa(scripted.server(), ZONE, timeout=5) == SOA


@pytest.mark.parametrize("key", [None, KEY])
def test_a_truncated_answer_is_asked_for_over_tcp(key):
    def act(conversation):
        query = conversation.query
        conversation.send(Signer(query).sign(soa_reply(query)) if key else soa_reply(query))

    with (
        udp(lambda query: [reply(query, flags="QR AA TC")]) as scripted,
        tcp(act, port=scripted.port),
    ):
        assert ask_soa(scripted.server(key), ZONE, timeout=5) == SOA


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        (lambda conversation: None, Fault.DOWN),
        (lambda conversation: conversation.fall_silent(), Fault.DOWN),
        (lambda conversation: conversation.send_raw(b"\1\0half"), Fault.CUT_OFF),
        (
            lambda conversation: (conversation.send_raw(b"\1"), conversation.fall_silent()),
            Fault.STALLED,
        ),
        (lambda conversation: conversation.send(b"\0" * 12), Fault.MALFORMED),
        (lambda conversation: conversation.send(b""), Fault.MALFORMED),
    ],
)
def test_over_tcp_too_every_failure_has_its_name(act, fault):
    with (
        udp(lambda query: [reply(query, flags="QR TC")]) as scripted,
        tcp(act, port=scripted.port),
    ):
        assert fault_of(scripted, timeout=0.8).fault == fault


def test_nobody_listening_is_down_at_once():
    with udp() as scripted:
        pass
    begin = time.monotonic()
    assert fault_of(scripted, timeout=5).fault == Fault.DOWN
    assert time.monotonic() - begin < 3


def test_silence_is_down_when_the_time_is_over():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        begin = time.monotonic()
        with pytest.raises(NameServerError) as caught:
            ask_soa(Server(HOST, silent.getsockname()[1]), ZONE, timeout=0.3)
        took = time.monotonic() - begin
        silent.setblocking(False)
        tries = [silent.recv(512), silent.recv(512)]
    assert caught.value.fault == Fault.DOWN
    assert 0.3 <= took < 2
    assert tries[0] == tries[1]


@pytest.mark.parametrize(
    ("rcode", "fault", "told"),
    [
        (dns.rcode.REFUSED, Fault.REFUSED, "REFUSED"),
        (dns.rcode.NOTAUTH, Fault.NOT_SERVED, "wants a key"),
        (dns.rcode.NXDOMAIN, Fault.NOT_SERVED, "NXDOMAIN"),
        (dns.rcode.SERVFAIL, Fault.NOT_SERVED, "SERVFAIL"),
        (dns.rcode.NOTIMP, Fault.NOT_SERVED, "NOTIMP"),
        (dns.rcode.FORMERR, Fault.MALFORMED, "FORMERR"),
        (11, Fault.NOT_SERVED, "RCODE11|DSOTYPENI"),
    ],
)
@pytest.mark.parametrize("with_question", [True, False])
def test_an_error_code_is_told_apart(rcode, fault, told, with_question):
    def act(query):
        if not with_question:
            query.question = []
        return [reply(query, rcode=rcode)]

    with udp(act) as scripted:
        error = fault_of(scripted)
    assert error.fault == fault
    assert told.split("|")[0] in error.detail or told.split("|")[-1] in error.detail


def test_with_a_key_nobody_is_told_that_one_may_be_missing():
    with udp(lambda query: [reply(query, rcode=dns.rcode.NOTAUTH)]) as scripted:
        error = fault_of(scripted, KEY)
    assert (error.fault, error.detail) == (Fault.NOT_SERVED, "NOTAUTH")


@pytest.mark.parametrize(
    "answer",
    [
        lambda query: soa_reply(query, flags="QR"),
        reply,
        lambda query: reply(query, authority=[SOA_LINE]),
        lambda query: reply(query, [SOA_LINE.replace("nthu.edu.tw. SOA", "edu.tw. SOA")]),
        lambda query: reply(query, ["nthu.edu.tw. A 140.114.64.1"]),
        lambda query: reply(query, flags="QR", authority=["edu.tw. NS a.edu.tw."]),
    ],
)
def test_a_server_that_does_not_speak_for_the_zone_is_no_source(answer):
    with udp(lambda query: [answer(query)]) as scripted:
        assert fault_of(scripted).fault == Fault.NOT_SERVED


@pytest.mark.parametrize(
    ("answer", "fault", "told"),
    [
        (soa_reply, Fault.WRONG_KEY, "not signed"),
        (lambda query: signed(query, key=OTHER_SECRET)[0], Fault.WRONG_KEY, "not verify"),
        (lambda query: signed(query, key=OTHER_NAME)[0], Fault.WRONG_KEY, "another key"),
        (lambda query: signed(query, key=OTHER_ALGORITHM)[0], Fault.WRONG_KEY, "algorithm"),
        (lambda query: signed(query, error=16)[0], Fault.WRONG_KEY, "BADSIG"),
        (lambda query: signed(query, error=17)[0], Fault.WRONG_KEY, "BADKEY"),
        (lambda query: signed(query, error=22)[0], Fault.WRONG_KEY, "refuses"),
        (lambda query: signed(query, error=99)[0], Fault.WRONG_KEY, "99"),
        (lambda query: signed(query, clock=-301)[0], Fault.CLOCK, "-301 s"),
        (lambda query: signed(query, clock=4000)[0], Fault.CLOCK, "+4000 s"),
        (
            lambda query: signed(query, error=18, other=int(time.time() + 900).to_bytes(6))[0],
            Fault.CLOCK,
            "+900 s",
        ),
        (lambda query: signed(query)[0] + b"\0", Fault.MALFORMED, "after the end"),
        (lambda query: signed(query)[0][:-1], Fault.MALFORMED, "too early"),
        (
            lambda query: Signer(query).sign(signed(query)[0]),
            Fault.MALFORMED,
            "not the last record",
        ),
        (
            lambda query: with_signature(soa_reply(query), query.keyname, b"\0junk"),
            Fault.MALFORMED,
            "not a signature",
        ),
    ],
)
def test_a_signature_that_is_not_right_is_told_apart(answer, fault, told):
    with udp(lambda query: [answer(query)]) as scripted:
        error = fault_of(scripted, KEY)
    assert error.fault == fault
    assert told in error.detail
    assert "secret of" not in str(error)


def test_a_clock_within_the_fudge_will_do():
    with udp(lambda query: signed(query, clock=-290)) as scripted:
        assert ask_soa(scripted.server(KEY), ZONE, timeout=5) == SOA


def test_a_signed_answer_to_an_unsigned_question_is_none():
    with udp(signed) as scripted:
        assert fault_of(scripted).fault == Fault.MALFORMED


def test_any_changed_byte_of_a_signed_answer_is_noticed():
    def change(at):
        def act(query):
            wire = signed(query)[0]
            return [wire[:at] + bytes([wire[at] ^ 4]) + wire[at + 1 :]]

        return act

    with udp(signed) as scripted:
        ask_soa(scripted.server(KEY), ZONE, timeout=5)
    size = len(signed(scripted.questions[0])[0])
    for at in [*range(4, size, 7), *range(size - 50, size)]:
        with udp(change(at)) as scripted, pytest.raises(NameServerError):
            ask_soa(scripted.server(KEY), ZONE, timeout=0.02)


@pytest.mark.parametrize(
    ("kind", "owner", "records", "found"),
    [
        ("PTR", OWNER, [PTR], ["lab154.ee.nthu.edu.tw"]),
        ("PTR", OWNER.upper() + ".", [PTR], ["lab154.ee.nthu.edu.tw"]),
        ("PTR", OWNER, [PTR, f"{OWNER}. PTR b.tw."], ["lab154.ee.nthu.edu.tw", "b.tw"]),
        ("A", "a.tw", ["a.tw. A 140.114.64.1", "b.tw. A 140.114.64.2"], ["140.114.64.1"]),
        ("AAAA", "a.tw", ["a.tw. AAAA 2001:288:0:0::1"], ["2001:288::1"]),
        ("A", "a.tw", ["a.tw. AAAA 2001:288::1"], []),
        ("A", "a.tw", ["a.tw. CNAME B.tw.", "b.tw. A 140.114.64.1"], ["140.114.64.1"]),
        (
            "PTR",
            "1.88.114.140.in-addr.arpa",
            [
                "1.88.114.140.in-addr.arpa. CNAME 1.0/27.88.114.140.in-addr.arpa.",
                "1.0/27.88.114.140.in-addr.arpa. PTR pc1.chem.nthu.edu.tw.",
            ],
            ["pc1.chem.nthu.edu.tw"],
        ),
        ("PTR", OWNER, [], []),
    ],
)
def test_records_of_a_name_come_back_canonical(kind, owner, records, found):
    with udp(lambda query: [reply(query, records)]) as scripted:
        assert ask_records(scripted.server(), owner, kind, timeout=5) == found


ALIAS = "a.tw. CNAME b.tw."
TW_SOA = "tw. SOA ns.tw. root.tw. 1 1 1 1 1"


@pytest.mark.parametrize(
    "answer",
    [
        lambda query: reply(query, rcode=dns.rcode.NXDOMAIN, authority=[TW_SOA]),
        lambda query: reply(query, authority=[TW_SOA]),
        lambda query: reply(query, [ALIAS], authority=[TW_SOA]),
        lambda query: reply(query, [ALIAS], rcode=dns.rcode.NXDOMAIN),
    ],
)
def test_a_name_that_the_zone_denies_has_no_records(answer):
    with udp(lambda query: [answer(query)]) as scripted:
        assert ask_records(scripted.server(), "a.tw", "A", timeout=5) == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda query: reply(query, flags="QR", authority=["lab.tw. NS ns.lab.tw."]),
        lambda query: reply(query, ["a.tw. A 140.114.64.1"], flags="QR RA"),
        lambda query: reply(query, rcode=dns.rcode.NXDOMAIN, flags="QR RA"),
        lambda query: reply(query, [ALIAS]),
        lambda query: reply(query, [ALIAS], authority=["tw. NS ns.tw."]),
        lambda query: reply(query, [ALIAS, "b.tw. CNAME a.tw."]),
    ],
)
def test_a_referral_or_an_answer_from_hearsay_is_no_answer(answer):
    with udp(lambda query: [answer(query)]) as scripted:
        server = scripted.server()
        with pytest.raises(NameServerError) as caught:
            ask_records(server, "a.tw", "A", timeout=5)
    assert caught.value.fault == Fault.NOT_SERVED


def test_a_denial_must_be_signed_too():
    with udp(lambda query: [reply(query, rcode=dns.rcode.NXDOMAIN)]) as scripted:
        server = scripted.server(KEY)
        with pytest.raises(NameServerError) as caught:
            ask_records(server, "a.tw", "A", timeout=5)
    assert caught.value.fault == Fault.WRONG_KEY


@pytest.mark.parametrize("name", ["a..tw", "a" * 64 + ".tw", "a." * 130])
def test_what_is_no_domain_name_is_never_asked(name):
    with pytest.raises(ValueError, match="not a domain name"):
        ask_soa(Server(HOST), name, timeout=5)


@pytest.mark.parametrize(("address", "port"), [("ns1.nthu.edu.tw", 53), ("", 53), (HOST, 0)])
def test_a_server_is_an_address_and_a_port(address, port):
    with pytest.raises(ValueError, match=r"address|port"):
        Server(address, port)


def test_a_server_is_written_without_its_key():
    assert str(Server("2001:288::53", 5300, KEY)) == "2001:288::53#5300"
    assert "secret of" not in repr(Server(HOST, key=KEY))
