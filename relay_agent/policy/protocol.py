"""Requests of Postfix's policy delegation protocol, from bytes; nothing but parsing.

    request=smtpd_access_policy
    protocol_state=RCPT
    client_address=140.114.64.154
    …
    (an empty line)

Attributes come in any order, and those that we do not know are left alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from relay_agent.text import record_key

MOST_BYTES = 64 * 1024  # of one request; Postfix cuts what clients say at 2 KiB a value
MOST_ATTRIBUTES = 256
MOST_RECIPIENTS = 1_000_000
LONGEST_ADDRESS = 45
LONGEST_NAME = 64
KIND = b"smtpd_access_policy"
END = b"\n\n"
ATTRIBUTE = re.compile(rb"^([A-Za-z0-9_.-]{1,64})=([^\n\0]*)$", re.MULTILINE)
NUMBER = re.compile(rb"[0-9]{1,10}")


class MalformedError(Exception):
    """No request of this protocol; what follows on the connection cannot be told apart."""


@dataclass(frozen=True)
class Request:
    """What we want to know of a request.

    `client`: the address as a record's key; None where it is no address. `instance`: the same
    for all requests about one message. `recipient_count`: those accepted so far; known at DATA
    and END-OF-MESSAGE only, otherwise 0.
    """

    state: bytes
    client: bytes | None
    recipient: bytes
    recipient_count: int
    instance: bytes


class Reader:
    """Cuts what comes over one connection into requests; holds MOST_BYTES at most."""

    def __init__(self) -> None:
        self.rest = b""

    def requests(self, data: bytes) -> Iterator[Request]:
        """The requests that are complete with these bytes. Raises MalformedError after them."""
        self.rest += data
        while END in self.rest:
            request, _, self.rest = self.rest.partition(END)
            yield parse_request(request)
        if len(self.rest) > MOST_BYTES:
            raise MalformedError(f"a request is longer than {MOST_BYTES} bytes")
        line, newline, _ = self.rest.partition(b"\n")
        if b"=" not in line and (newline or len(line) > LONGEST_NAME):
            raise MalformedError("a line is no attribute")  # who talks so is not waited for


def parse_request(request: bytes) -> Request:
    """The request in these lines, without the empty line that ends it. Raises MalformedError."""
    if len(request) > MOST_BYTES:
        raise MalformedError(f"a request is longer than {MOST_BYTES} bytes")
    lines = request.count(b"\n") + 1
    if lines > MOST_ATTRIBUTES:
        raise MalformedError(f"a request has more than {MOST_ATTRIBUTES} attributes")
    found = ATTRIBUTE.findall(request)
    attributes = dict(found)
    if len(found) != lines:
        raise MalformedError("a line is no attribute")
    if len(attributes) != lines:
        raise MalformedError("an attribute is there twice")
    if attributes.get(b"request") != KIND:
        raise MalformedError("it is no request for an access policy")
    try:
        return Request(
            state=attributes[b"protocol_state"],
            client=client_key(attributes[b"client_address"]),
            recipient=attributes.get(b"recipient", b""),
            recipient_count=_number(attributes.get(b"recipient_count", b"0")),
            instance=attributes.get(b"instance", b""),
        )
    except KeyError as error:
        raise MalformedError(f"the attribute {error} is missing") from error


def client_key(text: bytes) -> bytes | None:
    """The address as the key of a record, IPv4 in IPv6 as IPv4; None where it is no address."""
    if len(text) > LONGEST_ADDRESS or b"%" in text:
        return None
    try:
        address = ipaddress.ip_address(text.decode("ascii"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return record_key(address)


def _number(text: bytes) -> int:
    if not NUMBER.fullmatch(text) or int(text) > MOST_RECIPIENTS:
        raise MalformedError("recipient_count is no number of recipients")
    return int(text)
