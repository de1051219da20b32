"""The difference of a held transfer as a file for a spreadsheet, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from whitelist.models import HeldTransfer
from whitelist.spreadsheets import csv_lines

WORDS = {"+": "added", "-": "removed"}


def held_lines(changes: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    rows = ((WORDS[sign], address, name) for sign, address, name in changes)
    return csv_lines(chain([("change", "address", "hostname")], rows))


def file_name(held: HeldTransfer) -> str:
    name = re.sub(r"[^a-z0-9._]+", "-", f"{held.zone.name}-{held.zone.view}".lower())
    return f"held-{name.strip('-')}-{held.serial or held.digest[:12]}.csv"
