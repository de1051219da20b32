"""What every source of the registry hands on: rows of hosts, or all that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

MOST_BAD_LINES = 20


class HostRow(NamedTuple):
    """One name of one address, both canonical.

    `unit` and `contact` are None where the source says nothing about them: what is stored
    then stays. `line` is where the source says it, for reports.
    """

    address: str
    name: str
    unit: str | None
    contact: str | None
    line: int


class SourceError(Exception):
    """A source that cannot be used; its text is meant for whoever runs the import."""


class BadLinesError(SourceError):
    """Lines that are wrong, each with its number and the reason; nothing was applied."""

    def __init__(self, lines: list[tuple[int, str]], *, more: bool) -> None:
        told = [f"line {number}: {reason}" for number, reason in sorted(lines)]
        if more:
            told.append("and more: the reading stopped here")
        super().__init__("\n".join(told))
        self.lines = lines


@dataclass
class BadLines:
    """Collects what is wrong, so that a file can be mended in one go."""

    lines: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, reason: str) -> None:
        """Note a line; raises `BadLinesError` when there are enough of them to read."""
        self.lines.append((number, reason))
        if len(self.lines) >= MOST_BAD_LINES:
            raise BadLinesError(self.lines, more=True)

    def check(self) -> None:
        """Raises `BadLinesError` where a line was wrong."""
        if self.lines:
            raise BadLinesError(self.lines, more=False)
