"""One line of what needs attention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

URGENT, LOOK, NOTE = "stop", "warn", "go"
TONES = (URGENT, LOOK, NOTE)
# Beat writes down every three minutes what it has sent; lapsed entries are closed each minute.
STANDS_STILL = timedelta(minutes=10)


@dataclass(frozen=True)
class Line:
    """`tone`: how grave; `what` is the text of a link to `url`, and `note` stands behind it."""

    tone: str
    what: str
    url: str
    note: str = ""
