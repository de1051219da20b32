"""Requests are read as Postfix writes them; nonsense is told from them, within bounds."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_agent.policy.protocol import (
    MOST_ATTRIBUTES,
    MOST_BYTES,
    MalformedError,
    Reader,
    Request,
    client_key,
    parse_request,
)
from tests.relay_agent.policy_client import request

USUAL = Request(b"RCPT", b"140.114.64.154", b"someone@example.net", 0, b"9b.6924.1.0")
LONG = "x" * MOST_BYTES

MALFORMED = {
    "an empty request": b"\n\n",
    "another protocol": b"GET / HTTP/1.1\r\n\r\n",
    "a line without =": request().replace(b"size=0", b"size"),
    "a name of nothing": request().replace(b"size=0", b"=0"),
    "a name with a space": request().replace(b"size=0", b"si ze=0"),
    "a NUL": request(helo_name="a\0b"),
    "an attribute twice": b"size=1\n" + request(),
    "another request": request(request="something_else"),
    "no request": request(request=None),
    "no state": request(protocol_state=None),
    "no client": request(client_address=None),
    "no number of recipients": request(recipient_count="many"),
    "a negative number": request(recipient_count="-1"),
    "a number in other digits": request(recipient_count="１"),
    "a huge number": request(recipient_count="1000001"),
    "a very long number": request(recipient_count="1" * 5000),
    "too long a value": request(helo_name=LONG),
    "too long, and never ending": request(helo_name=LONG)[:-2],
    "a line that does not end": b"x" * 65,
    "too many attributes": b"".join(b"a%d=\n" % n for n in range(MOST_ATTRIBUTES)) + request(),
    "bytes of no meaning": bytes(range(256)),
}

ADDRESSES = {
    "140.114.64.154": b"140.114.64.154",
    "2001:288:e001::64": b"2001:288:e001::64",
    "2001:288:E001:0:0::64": b"2001:288:e001::64",
    "::ffff:140.114.64.154": b"140.114.64.154",
    "::ffff:8c72:409a": b"140.114.64.154",
    "1:0:0:2:0:0:0:3": b"1:0:0:2::3",
    "unknown": None,
    "": None,
    "140.114.64": None,
    "140.114.064.154": None,
    "140.114.64.154 ": None,
    "140.114.64.154/32": None,
    "１40.114.64.154": None,
    "fe80::1%eth0": None,
    "::1%\rOK": None,
    "2356297882": None,
    "0x8c72409a": None,
    "1" * 46: None,
    "host.example.org": None,
}


def test_a_request_of_postfix_is_read() -> None:
    assert list(Reader().requests(request())) == [USUAL]


def test_the_order_of_attributes_does_not_matter_and_unknown_ones_are_left_alone() -> None:
    lines = [*request().split(b"\n")[:-2], b"new_in_postfix_9=a=b"]
    assert parse_request(b"\n".join(reversed(lines))) == USUAL


def test_a_recipient_may_hold_any_byte_but_the_end_of_a_line() -> None:
    data = request().replace(b"someone@", b"\xe6\xb8\x85=\xff@")
    assert next(Reader().requests(data)).recipient == b"\xe6\xb8\x85=\xff@example.net"


@given(st.lists(st.integers(1, 400), max_size=8))
def test_requests_are_found_however_the_bytes_come(cuts: list[int]) -> None:
    reader, data = Reader(), request() + request(recipient_count="7")
    found: list[Request] = []
    for cut in [*cuts, len(data)]:
        found += reader.requests(data[:cut])
        data = data[cut:]
    assert [one.recipient_count for one in found] == [0, 7]
    assert not reader.rest


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_nonsense_is_told_at_once(data: bytes) -> None:
    with pytest.raises(MalformedError):
        list(Reader().requests(data))


def test_what_came_before_nonsense_is_answered() -> None:
    found: list[Request] = []
    with pytest.raises(MalformedError):
        found.extend(Reader().requests(request() * 2 + b"\n\n"))
    assert found == [USUAL, USUAL]


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for wrapped in (data, data + b"\n\n", request().replace(b"size=0", data)):
        with suppress(MalformedError):
            list(Reader().requests(wrapped))


@pytest.mark.parametrize(("text", "key"), ADDRESSES.items(), ids=ADDRESSES)
def test_an_address_is_read_strictly_into_the_one_form_of_a_record(
    text: str, key: bytes | None
) -> None:
    assert client_key(text.encode()) == key
