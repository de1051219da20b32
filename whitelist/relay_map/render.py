"""Entries → what the relay's table shall hold. Pure: no database, no settings, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from whitelist.addresses import IPAddress, parse_address

Exemptions = dict[IPAddress, int]


def exemptions(rows: Iterable[tuple[str, datetime]], at: datetime) -> Exemptions:
    """Addresses with their expiry in whole Unix seconds, rounded down.

    `rows` are stored address and `expires_at`. What lapses at or before `at` is left out, and
    so is what lapses within the same second: its rounded expiry has passed. Stored text is
    parsed, never copied; text that is no address raises `AddressError`.
    """
    now = at.timestamp()
    found: Exemptions = {}
    for text, expires_at in rows:
        expiry = int(expires_at.timestamp())
        if expiry > now:
            found[parse_address(text)] = expiry
    return found
