"""What Postfix is told about a recipient or a message. Clock and snapshot are arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from relay_agent.policy.counting import MOST_ADDRESSES, NEVER, Latest, Over, Usage
from relay_agent.policy.protocol import Request
from relay_agent.snapshot import Limits

DUNNO = "DUNNO"
NO_LIMITS = Limits()
RCPT = b"RCPT"
# An OK at RCPT before reject_unauth_destination, in one list, would make an open relay. So at
# RCPT it is left to Postfix to say OK, and only to those who may relay anyhow. From DATA on a
# recipient is accepted, and OK opens nothing.
PERMIT = {
    RCPT: "permit_mynetworks, permit_sasl_authenticated, permit_auth_destination",
    b"DATA": "OK",
    b"END-OF-MESSAGE": "OK",
}
MOST_MESSAGES = 16_384  # that are under way at one time
PAGE = "/smtp-whitelist/"
LINK = re.compile(r"https?://[\x21-\x7e]{1,200}", re.ASCII)


@dataclass(frozen=True)
class View:
    """What is exempt, as the agent knows it now; replaced whole at each installation.

    `lasting(key, value)` judges a record at the moment of the call. `limits` are those of exempt
    addresses. `service` is the URL of the service; may be empty.
    """

    records: Mapping[bytes, bytes]
    limits: Limits
    service: str
    lasting: Callable[[bytes, bytes], bool]


@dataclass
class Message:
    """What was let pass of one message: how many recipients, and the last of them."""

    recipients: int = 0
    last: bytes | None = None

    def more(self, request: Request) -> int:
        """How many recipients this request adds. The same question again adds none."""
        if request.state == RCPT:
            return int(request.recipient != self.last)
        return max(0, request.recipient_count - self.recipients)

    def let_pass(self, request: Request, count: int) -> None:
        self.recipients += count
        if request.state == RCPT:
            self.last = request.recipient


class Judge:
    """Counts what passes, and answers. One thread.

    What an address sends while it is exempt is counted apart: an hour of exemption uses up
    nothing of the normal limits of the day. `totals`: messages and recipients that passed while
    their sender was exempt, by address.
    """

    def __init__(self, normal: Limits = NO_LIMITS) -> None:
        self.normal = normal
        self.usage: Latest[tuple[bytes, bool], Usage] = Latest(MOST_ADDRESSES)
        self.messages: Latest[tuple[bytes, bytes], Message] = Latest(MOST_MESSAGES)
        self.totals: Latest[bytes, tuple[int, int]] = Latest(MOST_ADDRESSES)

    def action(self, request: Request, view: View, now: float) -> str:
        """What follows `action=`. `now` is of a clock that is never set back."""
        client = request.client
        if client is None or request.state not in PERMIT:
            return DUNNO
        value = view.records.get(client)
        exempt = value is not None and view.lasting(client, value)
        limits = view.limits if exempt else self.normal
        if not exempt and limits == NO_LIMITS:
            return DUNNO
        over = self._count(request, client, exempt, limits, now)
        if over is not None:
            return refusal(over, client, exempt, view.service)
        return PERMIT[request.state] if exempt else DUNNO

    def _count(
        self, request: Request, client: bytes, exempt: bool, limits: Limits, now: float
    ) -> Over | None:
        """Count what the request adds, or say which limit it would pass."""
        message = self._message(client, request.instance)
        count = message.more(request)
        if not count:
            return None
        usage = self.usage.get((client, exempt)) or Usage()
        over = usage.over(limits, count, now)
        if over is None:
            self.usage.use((client, exempt), usage).add(count, now)
            if exempt:
                self._total(client, int(not message.recipients), count)
            message.let_pass(request, count)
        return over

    def _message(self, client: bytes, instance: bytes) -> Message:
        return self.messages.use((client, instance), Message()) if instance else Message()

    def _total(self, client: bytes, messages: int, recipients: int) -> None:
        before = self.totals.use(client, (0, 0))
        self.totals[client] = before[0] + messages, before[1] + recipients


def refusal(over: Over, client: bytes, exempt: bool, service: str) -> str:
    """A refusal for now: which limit, when there is room, and where it can be lifted."""
    whose = " while whitelisted" if exempt else ""
    text = (
        f"450 4.7.1 too many recipients from {client.decode('ascii')}:"
        f" the limit is {over.limit} in one {over.span}{whose}; {_room(over)}"
    )
    if not LINK.fullmatch(service):
        return text
    link = service.rstrip("/") + PAGE
    return f"{text}; see {link}" if exempt else f"{text}; it may be lifted for a while at {link}"


def _room(over: Over) -> str:
    if over.seconds == NEVER:
        return "this message alone is beyond it"
    minutes = math.ceil(over.seconds / 60)
    return f"there is room again in {minutes} minute{'s'[: minutes != 1]}"
