"""CSV files that a spreadsheet opens without harm."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any

# What a spreadsheet takes for the beginning of a formula, also in full width.
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
# By it a spreadsheet knows that the file is UTF-8; before the first line, where people open it.
BYTE_ORDER_MARK = "\ufeff"


class Echo:
    """A file that hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A line a row, ended by CR and LF; no value in it is taken for a formula."""
    writer: Any = csv.writer(Echo())
    for row in rows:
        yield writer.writerow([safe(value) for value in row])


def safe(value: str) -> str:
    """The value as text even where it looks like a formula: an apostrophe is before it then."""
    return f"'{value}" if value.startswith(FORMULA) else value
