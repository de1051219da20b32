"""Lines of Postfix's log, and what is counted by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_agent.sent.postfix_log import Bounced, Queued, Received, Removed, parse_line
from relay_agent.sent.tally import Sent, Tally

AT = "Nov 24 13:05:01 mx1"
SHORT, LONG = "4F3A1200B2C", "4cRz1k2Zx7z1B"
ACTIVE = "nrcpt=1 (queue active)"
TO = "relay=mx.example.net[192.0.2.9]:25, delay=0.3, delays=0.1/0.01/0.1/0.1"


def line(daemon: str, rest: str, queue_id: str = SHORT) -> str:
    return f"{AT} postfix/{daemon}[1234]: {queue_id}: {rest}"


TOLD = [
    pytest.param(
        line("smtpd", "client=pc7.ee.example[192.0.2.1]"), Received("192.0.2.1"), id="client"
    ),
    pytest.param(
        line("smtpd", "client=unknown[2001:db8::1]"), Received("2001:db8::1"), id="client by IPv6"
    ),
    pytest.param(
        line("submission/smtpd", "client=pc7[192.0.2.1], sasl_method=PLAIN, sasl_username=wang"),
        Received("192.0.2.1"),
        id="client that signed in",
    ),
    pytest.param(
        line("smtpd", "client=pc7[192.0.2.1]", LONG), Received("192.0.2.1"), id="long queue id"
    ),
    pytest.param(
        f"2026-11-24T13:05:01.123456+08:00 mx1 postfix-out/smtpd[9]: {SHORT}: client=a[192.0.2.1]",
        Received("192.0.2.1"),
        id="RFC 3339, another instance",
    ),
    pytest.param(
        f"2026-11-24T13:05:01+0800 mx1 postfix/qmgr[9]: {SHORT}: removed", Removed(), id="journal"
    ),
    pytest.param(
        line("qmgr", "from=<a@b.org>, size=32, nrcpt=3 (queue active)"), Queued(3), id="active"
    ),
    pytest.param(line("qmgr", f"from=<>, size=1, {ACTIVE}"), Queued(1), id="no sender"),
    pytest.param(
        line("smtp", f"to=<b@example.net>, {TO}, dsn=5.1.1, status=bounced (host said: 550 no)"),
        Bounced(),
        id="bounced",
    ),
    pytest.param(
        line("error", "to=<b@x.org>, orig_to=<c@x.org>, relay=none, delay=0, delays=0/0/0/0,"
             " dsn=5.1.1, status=bounced (5.1.1 no)"),
        Bounced(),
        id="bounced by the error transport",
    ),
    pytest.param(
        line("smtp", f"to=<b@example.net>, {TO}, dsn=2.0.0, status=sent (250 ok)"), None, id="sent"
    ),
    pytest.param(
        line("smtp", f"to=<b@example.net>, {TO}, dsn=4.2.0, status=deferred (try again)"),
        None,
        id="deferred",
    ),
    pytest.param(f"{AT} postfix/smtpd[1]: connect from pc7[192.0.2.1]", None, id="no queue id"),
    pytest.param(
        f"{AT} postfix/smtpd[1]: NOQUEUE: reject: RCPT from pc7[192.0.2.1]: 450 too much",
        None,
        id="refused",
    ),
    pytest.param(f"{AT} dovecot/smtpd[1]: {SHORT}: client=a[192.0.2.1]", None, id="not Postfix"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "event"), TOLD)
def test_a_line_tells(text, event):
    found = parse_line(text)
    assert (found and found[1]) == event


SENT, BOUNCED = f"{TO}, dsn=2.0.0, status=sent", f"{TO}, dsn=5.1.1, status=bounced"
HOSTILE = [
    pytest.param(
        line("qmgr", f'from=<"x>, size=1, nrcpt=900 (queue active)"@b.org>, size=9, {ACTIVE}'),
        Queued(1),
        id="a sender that looks like the end of the line",
    ),
    pytest.param(
        line("smtp", f'to=<">, {BOUNCED} (x"@b.org>, {SENT} (ok)'),
        None,
        id="a recipient that looks like a bounce",
    ),
    pytest.param(
        line("smtp", f'to=<">, {SENT} (x"@b.org>, {BOUNCED} (no)'),
        Bounced(),
        id="a recipient that would hide a bounce",
    ),
    pytest.param(
        line("smtp", f"to=<b@b.org>, {TO}, dsn=2.0.0, status=sent (250 status=bounced (no))"),
        None,
        id="a server's answer that looks like a bounce",
    ),
    pytest.param(
        f"{AT} postfix/cleanup[1]: {SHORT}: message-id=<{line('smtpd', 'client=a[192.0.2.1]')}>",
        None,
        id="a message id that looks like a line",
    ),
    pytest.param(
        line("smtpd", "client=a[192.0.2.1]") + "x" * 9000, None, id="a line without end"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "event"), HOSTILE)
def test_what_strangers_write_into_a_line_tells_nothing(text, event):
    found = parse_line(text)
    assert (found and found[1]) == event


@given(st.text(), st.sampled_from(["smtpd", "qmgr", "smtp"]))
def test_any_text_is_read_without_an_error(text, daemon):
    parse_line(text)
    parse_line(line(daemon, text))


ONE = ("postfix", SHORT)
ANOTHER = ("postfix", LONG)
PC, NEIGHBOUR = "192.0.2.1", "192.0.2.2"


def tally() -> Tally:
    return Tally(lambda address: address == PC)


def test_a_message_counts_once_however_often_it_is_tried():
    counts = tally()
    for event in (Received(PC), Queued(3), Queued(2), Bounced(), Removed(), Queued(2)):
        counts.note(ONE, event)
    assert counts.totals() == {PC: Sent(messages=1, recipients=3, bounced=1)}


def test_only_wanted_addresses_are_counted():
    counts = tally()
    for message, address in ((ONE, PC), (ANOTHER, NEIGHBOUR)):
        counts.note(message, Received(address))
        counts.note(message, Queued(1))
    assert counts.totals() == {PC: Sent(messages=1, recipients=1)}


def test_a_message_that_never_became_whole_does_not_count():
    counts = tally()
    counts.note(ONE, Received(PC))
    assert counts.totals() == {}


def test_a_queue_id_that_is_used_again_belongs_to_its_new_sender():
    counts = tally()
    for event in (Received(PC), Queued(1), Received(NEIGHBOUR), Queued(50), Bounced()):
        counts.note(ONE, event)
    assert counts.totals() == {PC: Sent(messages=1, recipients=1)}


def test_equal_queue_ids_of_two_instances_are_two_messages():
    counts = tally()
    for instance in ("postfix", "postfix-out"):
        counts.note((instance, SHORT), Received(PC))
    for instance in ("postfix", "postfix-out"):
        counts.note((instance, SHORT), Queued(1))
    assert counts.totals() == {PC: Sent(messages=2, recipients=2)}
