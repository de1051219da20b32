"""Entries as text in access(5) form, and as the records that every table holds.

A record is `key -> value` in ASCII: the address as `inet_ntop` writes it (the one form that
Postfix looks up), and the expiry in whole Unix seconds (access(5) reads a number as OK).
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from relay_agent.errors import BrokenTable

IPAddress = IPv4Address | IPv6Address
Entries = Mapping[IPAddress, int]
Records = dict[bytes, bytes]
Still = Callable[[Records], Records]  # takes out what has lapsed

LARGEST_EXPIRY = 2**53


def unchanged(records: Records) -> Records:
    """Nothing has lapsed."""
    return records


def record_key(address: IPAddress) -> bytes:
    """The address as Postfix looks it up. Raises ValueError where no client can have it."""
    if isinstance(address, IPv4Address):
        return str(address).encode("ascii")
    if address.scope_id is not None or address.ipv4_mapped is not None:
        raise ValueError(f"{address} is not a canonical address")
    return socket.inet_ntop(socket.AF_INET6, address.packed).encode("ascii")


def record_value(expiry: int) -> bytes:
    """The expiry in decimal. Raises ValueError unless it is a positive whole number."""
    if type(expiry) is not int or not 0 < expiry < LARGEST_EXPIRY:
        raise ValueError(f"{expiry!r} is not an expiry in whole Unix seconds")
    return b"%d" % expiry


def to_records(entries: Entries) -> Records:
    """Entries as records, IPv4 first, each family in numeric order."""
    ordered = sorted(entries, key=lambda address: (address.version, int(address)))
    return {record_key(address): record_value(entries[address]) for address in ordered}


def render_records(records: Records) -> bytes:
    """Records as lines, in the order given."""
    return b"".join(b"%s\t%s\n" % record for record in records.items())


def render_text(entries: Entries) -> bytes:
    """The text map: `address<TAB>expiry` lines, sorted, no header. Same entries, same bytes."""
    return render_records(to_records(entries))


def digest(records: Records) -> str:
    """SHA-256 of the text map, in hex: what a relay reports to have installed."""
    return hashlib.sha256(render_records(records)).hexdigest()


def parse_record(key: bytes, value: bytes) -> tuple[IPAddress, int]:
    """The one entry that renders to exactly this record. Raises ValueError if there is none."""
    if b"%" in key or not value.isdigit():
        raise ValueError(f"{key!r} {value!r} is not an entry")
    address, expiry = ipaddress.ip_address(key.decode("ascii")), int(value)
    if record_key(address) != key or record_value(expiry) != value:
        raise ValueError(f"{key!r} {value!r} is not in canonical form")
    return address, expiry


def to_entries(path: Path, records: Records) -> dict[IPAddress, int]:
    """Records as entries. Raises BrokenTable, naming `path`, for a record that is not ours."""
    try:
        return dict(parse_record(key, value) for key, value in records.items())
    except ValueError as error:
        raise BrokenTable(path, str(error)) from error


def read_text(path: Path) -> Records:
    """The records of a text map. Raises BrokenTable for a line of another form, or a cut one."""
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        raise BrokenTable(path, "the last line is cut")
    records: Records = {}
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        key, tab, value = line.partition(b"\t")
        if not tab or not key or not value or key in records:
            raise BrokenTable(path, f"line {number} is no entry, or there twice")
        records[key] = value
    return records
