"""Clocks that a test sets."""

from __future__ import annotations

from dataclasses import dataclass

from relay_agent.deadlines import Now


@dataclass
class Clocks:
    wall: float = 1_764_000_000.0
    boot: float = 500.0

    def __call__(self) -> Now:
        return Now(self.wall, self.boot)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds
