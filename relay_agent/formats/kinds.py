"""Formats that are a file alone: pure rendering, sorted as the records are.

An empty set of records renders to a file that its program takes as "nobody".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from relay_agent.text import IPAddress, Records, parse_record

STEM = "smtp_whitelist"


class Format(Protocol):
    """A file for one program, and what else must be done for the program to follow it."""

    @property
    def name(self) -> str:
        """What the agent's configuration calls it."""

    @property
    def file_name(self) -> str:
        """The file's name in the tables' folder."""

    def render(self, records: Records, now: float) -> bytes:
        """The file. Records that have lapsed at `now`, Unix seconds, are not in it.

        Raises ValueError for a record that is no entry of ours.
        """

    def apply(self, records: Records, now: float) -> None:
        """Tell the program, if it does not look at the file by itself. May raise OSError."""


@dataclass(frozen=True)
class Lines:
    """A text file with the same lines for each address: `line` gives them, each ended."""

    name: str
    line: Callable[[IPAddress], str]

    @property
    def file_name(self) -> str:
        return f"{STEM}.{self.name}"

    def render(self, records: Records, now: float) -> bytes:
        return "".join(self.line(address) for address, _ in lasting(records, now)).encode("ascii")

    def apply(self, records: Records, now: float) -> None:
        """The program, or a unit of its administrator's, sees the new file."""


def lasting(records: Records, now: float) -> Iterator[tuple[IPAddress, int]]:
    """The entries that have not lapsed at `now`: (address, expiry), in the records' order."""
    for record in records.items():
        address, expiry = parse_record(*record)
        if expiry > now:
            yield address, expiry


def plain(address: IPAddress) -> str:
    """One address a line, and nothing else.

    rspamd would take a second word for the value of an IP map; it wants none. Exim separates the
    items of a list in a file by lines, so the colons of an IPv6 address need no doubling there.
    """
    return f"{address}\n"


def sendmail_lines(address: IPAddress) -> str:
    """No limit (0) on connections a window, nor on open ones, in sendmail's access database."""
    client = sendmail_client(address)
    return f"ClientRate:{client}\t0\nClientConn:{client}\t0\n"


def sendmail_client(address: IPAddress) -> str:
    """The address as sendmail looks it up: IPv6 with all eight parts, without leading zeros."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return "IPv6:" + ":".join(f"{int(part, 16):x}" for part in address.exploded.split(":"))
