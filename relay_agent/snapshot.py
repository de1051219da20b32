"""The signed snapshot: everything that is exempt, as the service vouches for it.

    smtp-whitelist-snapshot-1 <key id> <base64 of the Ed25519 signature>
    {"entries":1,"issued_at":1764001328,"limits":{"per_day":0,"per_hour":0},"not_after":…,…}
    140.114.64.154<TAB>1764004928

The signature covers all that follows the first line, after the context of that line's first word,
so that nothing else the key may ever sign can pass for a snapshot. The header counts the
entries: a cut snapshot is refused even by somebody who forgot to look at the signature. Entries
are records as every table holds them, sorted and canonical: the same entries give the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from relay_agent.text import Records, digest, parse_record, render_records

FORMAT = b"smtp-whitelist-snapshot-1"
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
MOST_BYTES = 64 * 1024 * 1024
MOST_ENTRIES = 1_000_000
# An entry that ends later than this after the snapshot's issue is none that the service gives.
LONGEST_SECONDS = 24 * 3600 + 60

Keys = Mapping[str, Ed25519PublicKey]
Sign = Callable[[bytes], bytes]


class SnapshotError(Exception):
    """A snapshot that must not be installed; the message says why."""


@dataclass(frozen=True)
class Limits:
    """What a whitelisted address may send through a policy service, in recipients; 0: no limit."""

    per_hour: int = 0
    per_day: int = 0


@dataclass(frozen=True)
class Snapshot:
    """What the service vouches for. Times in whole Unix seconds.

    `service` is the service's own URL, for refusal texts and against a snapshot of another
    service. After `not_after` nothing in it exempts anybody.
    """

    service: str
    serial: int
    issued_at: int
    not_after: int
    limits: Limits
    records: Records

    @property
    def order(self) -> tuple[int, int]:
        """A snapshot with a smaller one is older."""
        return self.serial, self.issued_at

    @property
    def digest(self) -> str:
        """SHA-256 of the entries as text, in hex: the digest of the installed table."""
        return digest(self.records)


HEADER_FIELDS = {"entries"} | {field.name for field in fields(Snapshot)} - {"records"}


def pack(snapshot: Snapshot, key_id: str, sign: Sign) -> bytes:
    """The snapshot's bytes, signed. Raises ValueError for a key id of another form."""
    if not KEY_ID.fullmatch(key_id):
        raise ValueError(f"{key_id!r} is no key id")
    header = {
        "entries": len(snapshot.records),
        "issued_at": snapshot.issued_at,
        "limits": {"per_day": snapshot.limits.per_day, "per_hour": snapshot.limits.per_hour},
        "not_after": snapshot.not_after,
        "serial": snapshot.serial,
        "service": snapshot.service,
    }
    line = json.dumps(header, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    content = line.encode("ascii") + b"\n" + render_records(snapshot.records)
    signature = base64.b64encode(sign(_signed(content)))
    return b"%s %s %s\n%s" % (FORMAT, key_id.encode("ascii"), signature, content)


def unpack(data: bytes, keys: Keys, known: Records | None = None) -> Snapshot:
    """The snapshot in these bytes, of which every one was verified. Raises SnapshotError.

    `known` are records that were parsed before (those of the last snapshot): they are not parsed
    again. Whether it is newer than another, or still good, is the caller's question.
    """
    if len(data) > MOST_BYTES:
        raise SnapshotError(f"it is longer than {MOST_BYTES} bytes")
    content = _verified(data, keys)
    line, newline, lines = content.partition(b"\n")
    if not newline:
        raise SnapshotError("its header is cut")
    header = _header(line)
    records = _records(lines, known or {})
    if len(records) != header.pop("entries"):
        raise SnapshotError("it does not hold as many entries as its header says")
    snapshot = Snapshot(records=records, **header)
    _check_times(snapshot)
    return snapshot


def _signed(content: bytes) -> bytes:
    return FORMAT + b"\n" + content


def _verified(data: bytes, keys: Keys) -> bytes:
    """What stands below the signature, once it holds."""
    first, newline, content = data.partition(b"\n")
    words = first.split(b" ")
    if not newline or len(words) != 3 or words[0] != FORMAT:
        raise SnapshotError("it does not begin as a snapshot of format 1 does")
    key_id = words[1].decode("ascii", "replace")
    if key_id not in keys:
        raise SnapshotError(f"it is signed with the key {key_id!r}, which is none of ours")
    try:
        signature = base64.b64decode(words[2], validate=True)
        if base64.b64encode(signature) != words[2]:
            raise SnapshotError("its signature is not in canonical form")
        keys[key_id].verify(signature, _signed(content))
    except (binascii.Error, InvalidSignature) as error:
        raise SnapshotError(f"its signature by the key {key_id!r} does not hold") from error
    return content


def _header(line: bytes) -> dict[str, Any]:
    """The header, every field there and of its type."""
    try:
        header: dict[str, Any] = json.loads(line)
        given = header["limits"]
        header["limits"] = limits = Limits(given["per_hour"], given["per_day"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SnapshotError(f"its header cannot be read: {error}") from error
    numbers = [header.get(name) for name in ("entries", "issued_at", "not_after", "serial")]
    sound = (
        set(header) == HEADER_FIELDS
        and len(given) == len(fields(Limits))
        and type(header["service"]) is str
        and all(type(n) is int and n >= 0 for n in [*numbers, limits.per_hour, limits.per_day])
        and header["entries"] <= MOST_ENTRIES
    )
    if not sound:
        raise SnapshotError("its header is not the one of format 1")
    return header


def _records(lines: bytes, known: Records) -> Records:
    records: Records = {}
    if lines and not lines.endswith(b"\n"):
        raise SnapshotError("its last line is cut")
    for line in lines.split(b"\n")[:-1]:
        key, _, value = line.partition(b"\t")
        if key in records:
            raise SnapshotError(f"{key!r} is in it twice")
        if known.get(key) != value:
            _check_record(key, value)
        records[key] = value
    return records


def _check_record(key: bytes, value: bytes) -> None:
    try:
        parse_record(key, value)
    except ValueError as error:
        raise SnapshotError(str(error)) from error


def _check_times(snapshot: Snapshot) -> None:
    if snapshot.not_after <= snapshot.issued_at:
        raise SnapshotError("it was never good: not_after is not after issued_at")
    last = snapshot.issued_at + LONGEST_SECONDS
    if snapshot.not_after > last:
        raise SnapshotError("its not_after is more than a day ahead")
    late = next((key for key, value in snapshot.records.items() if int(value) > last), None)
    if late is not None:
        raise SnapshotError(f"{late!r} ends more than a day after the snapshot was issued")
