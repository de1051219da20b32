"""Counts by address, of messages followed through the queue. Bounded; any thread may ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from relay_agent.policy.counting import Latest
from relay_agent.sent.postfix_log import Bounced, Event, Message, Queued, Received, Removed

MOST_MESSAGES = 65_536  # in the queue at once, from whitelisted addresses


class Sent(NamedTuple):
    """What one address sent since the agent began. `recipients` counts a message's once."""

    messages: int = 0
    recipients: int = 0
    bounced: int = 0

    def and_also(self, messages: int = 0, recipients: int = 0, bounced: int = 0) -> Sent:
        return Sent(self.messages + messages, self.recipients + recipients, self.bounced + bounced)


@dataclass
class Underway:
    """A message in the queue."""

    address: str
    counted: bool = False


@dataclass
class Tally:
    """`wanted` says whether an address is to be counted; asked once, when its message comes in.

    One row an address that was ever whitelisted while the agent ran: no more than a campus has.
    """

    wanted: Callable[[str], bool]
    messages: Latest[Message, Underway] = field(default_factory=lambda: Latest(MOST_MESSAGES))
    sent: dict[str, Sent] = field(default_factory=dict)
    changing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, message: Message, event: Event) -> None:
        """Count what the log says of a message."""
        if isinstance(event, Received):
            # A queue id is used again once its message is gone: this is another message.
            self.messages.pop(message, None)
            if self.wanted(event.address):
                self.messages.use(message, Underway(event.address))
            return
        underway = self.messages.get(message)
        if underway is None:
            return
        if isinstance(event, Queued) and not underway.counted:
            underway.counted = True
            self._add(underway.address, messages=1, recipients=event.recipients)
        elif isinstance(event, Bounced):
            self._add(underway.address, bounced=1)
        elif isinstance(event, Removed):
            del self.messages[message]

    def totals(self) -> dict[str, Sent]:
        """By address; they only rise."""
        with self.changing:
            return dict(self.sent)

    def _add(self, address: str, **counts: int) -> None:
        with self.changing:
            self.sent[address] = self.sent.get(address, Sent()).and_also(**counts)
