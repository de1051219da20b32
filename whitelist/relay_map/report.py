"""What a relay's agent reports: read strictly, then stored.

Fields that we do not know are left alone, so that a newer agent may tell an older service more;
those that we know must be there and of their form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from django.db import transaction

from whitelist.addresses import AddressError, parse_address
from whitelist.models.access_map import THE_MAP, AccessMap
from whitelist.models.relay import Relay
from whitelist.relay_map.acknowledge import acknowledge
from whitelist.relay_map.sent import Sent, store_sent

MOST_BYTES = 1024 * 1024
LARGEST = 2**53
LATEST = 253_402_300_799  # the last second that a datetime can hold
LONGEST_ERROR = 500
HEX_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
RUN = re.compile(r"[0-9a-f]{8,64}", re.ASCII)
VERSION = re.compile(r"[0-9A-Za-z.+~:_-]{1,50}", re.ASCII)


class ReportError(Exception):
    """A report that is not stored; the message says why, in one line."""


@dataclass(frozen=True)
class Report:
    """One report. Times in Unix seconds; `issued_at` is 0 before anything was installed."""

    serial: int
    digest: str
    version: str
    boot_seconds: float
    time: float
    error: str
    issued_at: int
    run: str
    sent: tuple[Sent, ...]


def parse_report(data: bytes) -> Report:
    """Raises `ReportError`."""
    if len(data) > MOST_BYTES:
        raise ReportError(f"it is longer than {MOST_BYTES} bytes")
    try:
        told = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ReportError("it is not JSON") from error
    if not isinstance(told, dict):
        raise ReportError("it is not an object")
    return Report(
        serial=whole(told, "serial"),
        digest=word(told, "digest", HEX_DIGEST.fullmatch),
        version=word(told, "version", VERSION.fullmatch),
        boot_seconds=number(told, "boot_seconds"),
        time=number(told, "time"),
        error=one_line(word(told, "error", lambda text: True))[:LONGEST_ERROR],
        issued_at=whole(told, "issued_at", LATEST),
        run=word(told, "run", RUN.fullmatch),
        sent=tuple(map(parse_sent, listed(told, "sent"))),
    )


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def parse_sent(told: object) -> Sent:
    if not isinstance(told, dict):
        raise ReportError("'sent' holds what is not an object")
    text = word(told, "address", lambda text: True)
    try:
        address = str(parse_address(text))
    except AddressError as error:
        raise ReportError("'sent' holds what is not an address") from error
    counts = (whole(told, name) for name in ("messages", "recipients", "bounced"))
    return Sent(address, whole(told, "expires"), *counts)


def whole(told: Mapping[str, Any], name: str, most: int = LARGEST) -> int:
    value = told.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise ReportError(f"'{name}' is not a whole number, from 0 on")
    return value


def number(told: Mapping[str, Any], name: str) -> float:
    value: Any = told.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= LARGEST:
        raise ReportError(f"'{name}' is not a number, from 0 on")
    return float(value)


def word(told: Mapping[str, Any], name: str, is_good: Callable[[str], object]) -> str:
    value = told.get(name)
    if type(value) is not str or not is_good(value):
        raise ReportError(f"'{name}' is not text of the expected form")
    return value


def listed(told: Mapping[str, Any], name: str) -> list[object]:
    value = told.get(name)
    if not isinstance(value, list):
        raise ReportError(f"'{name}' is not a list")
    return value


def one_line(text: str) -> str:
    """Whatever is not printable becomes a space: logs and databases take the rest."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


@transaction.atomic
def do_store_report(relay: Relay, report: Report, *, at: datetime) -> list[int]:
    """Store it, with what it counted; the keys of the entries that it counted for.

    A serial that the map has not reached yet cannot be true of this map (it was restored, or the
    relay follows another service): it acknowledges nothing, and stands as the relay's error.
    """
    wanted = AccessMap.objects.values_list("serial", flat=True).get(pk=THE_MAP)
    serial, error = report.serial, report.error
    if serial > wanted:
        error = f"it reports serial {serial}, and the map is at {wanted}: {error}".rstrip(": ")
        serial = 0
    issued_at = datetime.fromtimestamp(report.issued_at, UTC) if report.issued_at else None
    acknowledge(
        relay.name,
        serial=serial,
        at=at,
        last_error=error,
        installed_digest=report.digest,
        issued_at=issued_at,
        version=report.version,
        booted_seconds=report.boot_seconds,
        clock_offset=round(report.time - at.timestamp(), 3),
    )
    return store_sent(relay, report.run, report.sent, at=at)
