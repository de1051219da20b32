"""The difference of a held transfer as a file for a spreadsheet, line by line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Any

from whitelist.models import HeldTransfer

# What a spreadsheet takes for the beginning of a formula, also in full width.
FORMULA = tuple("=+-@\t\r＝＋－＠")
WORDS = {"+": "added", "-": "removed"}


class Echo:
    """A file that hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(changes: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    writer: Any = csv.writer(Echo())
    yield writer.writerow(["change", "address", "hostname"])
    for sign, address, name in changes:
        yield writer.writerow([WORDS[sign], safe(address), safe(name)])


def safe(value: str) -> str:
    """The value as text even where it looks like a formula."""
    return f"'{value}" if value.startswith(FORMULA) else value


def file_name(held: HeldTransfer) -> str:
    name = re.sub(r"[^a-z0-9._]+", "-", f"{held.zone.name}-{held.zone.view}".lower())
    return f"held-{name.strip('-')}-{held.serial or held.digest[:12]}.csv"
