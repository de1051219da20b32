"""Building and signing what relays follow; each process keeps the last one it built."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from django.conf import settings

from relay_agent.snapshot import LONGEST_SECONDS, Limits, Snapshot, pack
from relay_agent.text import Records, record_key, to_records
from whitelist.addresses import parse_address
from whitelist.models.entry import WhitelistEntry
from whitelist.relay_map.render import Exemptions, exemptions
from whitelist.relay_map.signing_key import SigningKey, signing_keys

# In each lifetime a snapshot is issued so often, also when nothing changes: whoever asks holds
# one that is good for two thirds of a lifetime at least.
ISSUES_A_LIFETIME = 3
COMPRESSION = 6
MANY = 2000  # entries; as many are read in some forty milliseconds


@dataclass(frozen=True)
class Edition:
    """What tells one snapshot from another: of equal editions every process makes equal bytes,
    but for entries that lapse before the next one.

    `issued_at` in Unix seconds, at the beginning of the slot that it belongs to: processes on
    several machines agree on it, and a relay that asks now one, now the other never meets an
    older one.
    """

    serial: int
    issued_at: int
    limits: Limits
    key_id: str

    @property
    def etag(self) -> str:
        """Weak, as the answer may come compressed or not."""
        hour, day = self.limits.per_hour, self.limits.per_day
        return f'W/"{self.serial}-{self.issued_at}-{hour}-{day}-{self.key_id}"'

    def next(self) -> Edition:
        """The one that follows when nothing changes."""
        return Edition(self.serial, self.issued_at + slot_seconds(), self.limits, self.key_id)


@dataclass(frozen=True)
class Issue:
    """A signed snapshot, ready to be sent. `digest` is that of its entries, the `records`."""

    edition: Edition
    digest: str
    body: bytes = field(repr=False)
    records: Records = field(repr=False)

    @cached_property
    def compressed(self) -> bytes:
        return gzip.compress(self.body, COMPRESSION, mtime=0)


Build = Callable[[Edition, Issue | None], Issue]


def slot_seconds() -> int:
    seconds: int = settings.RELAY_SNAPSHOT_SECONDS // ISSUES_A_LIFETIME
    return seconds


def current_edition(serial: int, limits: Limits, at: datetime) -> Edition:
    """The edition that a relay should have. Raises `SigningKeyError`."""
    now = int(at.timestamp())
    return Edition(serial, now - now % slot_seconds(), limits, signing_keys()[0].key_id)


class Issuer:
    """Holds the newest issue. One thread builds; the others wait for what it builds."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._last: Issue | None = None

    def issue(self, edition: Edition) -> Issue:
        """That edition's issue, or that of a later serial which was built meanwhile."""
        with self._lock:
            last = self._last
            if last is None or not _serves(last.edition, edition):
                base = last if last and _is_base(last, edition) else None
                last = self._last = self._build(edition, base)
            return last

    def compressed(self, issue: Issue) -> bytes:
        """Its body in gzip, made once."""
        with self._lock:
            return issue.compressed


def _serves(held: Edition, asked: Edition) -> bool:
    same = (held.issued_at, held.limits, held.key_id) == (
        asked.issued_at,
        asked.limits,
        asked.key_id,
    )
    return same and held.serial >= asked.serial


def _is_base(held: Issue, asked: Edition) -> bool:
    """Whether to read only what has changed since; worth it where there are many entries.

    Once in each slot everything is read anew: a database that was put back, or a row changed by
    hand, stays unseen for no longer.
    """
    follows = held.edition.issued_at == asked.issued_at and held.edition.serial <= asked.serial
    return follows and len(held.records) >= MANY


def build(edition: Edition, base: Issue | None = None) -> Issue:
    """Read what is active, or what has changed since `base`, and sign it.

    The edition's serial was read before: the entries hold every change up to it, and the issue's
    own edition may be of a later one.
    """
    serial, records = _read_changes(edition, base) if base else _read_all(edition)
    key = _key(edition.key_id)
    edition = Edition(serial, edition.issued_at, edition.limits, key.key_id)
    snapshot = Snapshot(
        service=settings.BASE_URL,
        serial=serial,
        issued_at=edition.issued_at,
        not_after=edition.issued_at + settings.RELAY_SNAPSHOT_SECONDS,
        limits=edition.limits,
        records=records,
    )
    return Issue(edition, snapshot.digest, pack(snapshot, key.key_id, key.sign), records)


def _read_all(edition: Edition) -> tuple[int, Records]:
    """By the time of issue, not by the clock: what has lapsed since counts at no relay anyway."""
    at = datetime.fromtimestamp(edition.issued_at, UTC)
    rows = WhitelistEntry.objects.active(at).order_by()
    serial, pairs = edition.serial, []
    found = rows.values_list("address", "expires_at", "serial").iterator(chunk_size=10_000)
    for address, expires_at, changed in found:
        serial = max(serial, changed)
        pairs.append((address, expires_at))
    return serial, to_records(_as_long_as_may_be(exemptions(pairs, at), edition))


def _read_changes(edition: Edition, base: Issue) -> tuple[int, Records]:
    """Each change carries its serial on the entry's own row; all but lapsing, which tells itself.

    In the order of the serials: what ended before another entry was opened at its address does
    not end that one. Read twice, a change does no harm.
    """
    at = datetime.fromtimestamp(edition.issued_at, UTC)
    changed = WhitelistEntry.objects.filter(serial__gt=base.edition.serial).order_by("serial")
    serial, records = edition.serial, dict(base.records)
    for entry in changed.only("address", "expires_at", "ended_at", "serial"):
        serial = max(serial, entry.serial)
        pair = [(entry.address, entry.expires_at)] if entry.ended_at is None else []
        records.pop(record_key(parse_address(entry.address)), None)
        records |= to_records(_as_long_as_may_be(exemptions(pair, at), edition))
    return serial, {key: records[key] for key in sorted(records, key=_place)}


def _place(key: bytes) -> tuple[int, bytes]:
    """Sorts as every table is sorted: IPv4 first, each family in numeric order."""
    family = socket.AF_INET6 if b":" in key else socket.AF_INET
    packed = socket.inet_pton(family, key.decode("ascii"))
    return len(packed), packed


def _as_long_as_may_be(found: Exemptions, edition: Edition) -> Exemptions:
    """An expiry further away than a snapshot may tell is shortened; a later issue says more."""
    last = edition.issued_at + LONGEST_SECONDS
    return {address: min(expiry, last) for address, expiry in found.items()}


def _key(key_id: str) -> SigningKey:
    keys = signing_keys()
    return next((key for key in keys if key.key_id == key_id), keys[0])


issuer = Issuer(build)
