"""One line of Postfix's log → what it says of a message. Pure.

Everything in a line but its frame may have been written by a stranger: a sender, a recipient, a
remote server's answer. So each pattern is anchored where Postfix alone writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# `Nov 24 13:05:01 mx1 postfix/smtpd[12]: 4F3A…: …`, or with an RFC 3339 time.
FRAME = re.compile(
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)) "
    r"\S+ (?P<instance>postfix[\w.-]*)/(?P<daemon>[\w/-]+)\[\d+\]: "
    r"(?P<queue_id>[0-9A-Za-z]{6,20}): (?P<rest>.*)",
    re.ASCII,
)
# The client's name comes from its PTR record; Postfix lets no other characters pass.
CLIENT = re.compile(r"client=[\w.-]*\[([0-9A-Fa-f:.]+)\](?=$|[:,])", re.ASCII)
ACTIVE = re.compile(r"from=<.*>, size=\d+, nrcpt=(\d{1,9}) \(queue active\)", re.ASCII)
ADDRESS = r'<(?:"(?:[^"\\]|\\.)*"|[^">])*>'
DELIVERY = re.compile(
    rf"to={ADDRESS}, (?:orig_to={ADDRESS}, )?relay=[^ ]+, (?:conn_use=\d+, )?"
    r"delay=[\d.]+, delays=[\d./]+, dsn=\d\.\d+\.\d+, status=(\w+) ",
    re.ASCII,
)
LONGEST = 8192  # Postfix cuts its own lines far below


@dataclass(frozen=True)
class Received:
    """smtpd has given a message from this address (as Postfix writes it) a place in the queue."""

    address: str


@dataclass(frozen=True)
class Queued:
    """The message is whole, and goes to so many recipients. Said again after each deferral."""

    recipients: int


@dataclass(frozen=True)
class Bounced:
    """One recipient has refused it for good."""


@dataclass(frozen=True)
class Removed:
    """Nothing more will be said of this message."""


Event = Received | Queued | Bounced | Removed
Message = tuple[str, str]  # instance of Postfix, queue id


def parse_line(line: str) -> tuple[Message, Event] | None:
    """What the line says of which message; None for the many lines that say nothing of these."""
    frame = FRAME.fullmatch(line) if len(line) <= LONGEST else None
    if frame is None:
        return None
    event = _event(frame["daemon"].rsplit("/", 1)[-1], frame["rest"])
    return None if event is None else ((frame["instance"], frame["queue_id"]), event)


def _event(daemon: str, rest: str) -> Event | None:
    if daemon == "smtpd":
        client = CLIENT.match(rest)
        return Received(client[1]) if client else None
    if daemon == "qmgr":
        active = ACTIVE.fullmatch(rest)
        if active:
            return Queued(int(active[1]))
        return Removed() if rest == "removed" else None
    delivery = DELIVERY.match(rest)
    return Bounced() if delivery and delivery[1] == "bounced" else None
