"""Names that are numbered in step with their addresses: pc1 … pc200 on .11 … .210. Pure.

Such a series was perhaps made by a machine for a whole range, as `$GENERATE` does it; but
class rooms are numbered so, too. How long a run is suspicious, the caller decides.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import takewhile

from whitelist.addresses import IPAddress

LAST_NUMBER = re.compile(r"[0-9]+(?=[^0-9]*\Z)", re.ASCII)
MOST_DECIMAL = 9_999  # what fits into a group of an IPv6 address
MOST_PADDED = 3  # a longer number has shorter ones too far below it to matter

Pair = tuple[str, str]
"""Address and name, both canonical."""
Renumbered = Callable[[int], str | None]
"""What stands so many steps away; None where nothing can."""


def neighbours(name: str, address: IPAddress, reach: int) -> list[Pair]:
    """The pairs that would exist up to `reach` steps away if the name were one of a series.

    The last number of the first label and the address advance together by one. There are
    no neighbours where the label has no number.
    """
    directions = around(name, address, reach)
    return list(dict.fromkeys(pair for both in directions for walk in both for pair in walk))


def run_length(present: Collection[Pair], name: str, address: IPAddress, reach: int) -> int:
    """The longest unbroken run around the name, itself counted, of pairs that are `present`.

    1 for a name that is none of a series; looks no farther than `reach` steps to either side.
    """
    directions = around(name, address, reach)
    return 1 + max(
        (sum(unbroken(walk, present) for walk in both) for both in directions), default=0
    )


def unbroken(walk: Iterable[Pair], present: Collection[Pair]) -> int:
    return sum(1 for _pair in takewhile(present.__contains__, walk))


def around(
    name: str, address: IPAddress, reach: int
) -> Iterator[tuple[Iterator[Pair], Iterator[Pair]]]:
    """The pairs downwards and upwards, closest first, for each way of counting."""
    for names in numberings(name):
        for addresses in countings(address):
            yield (
                walk(names, addresses, range(-1, -reach - 1, -1)),
                walk(names, addresses, range(1, reach + 1)),
            )


def walk(names: Renumbered, addresses: Renumbered, steps: range) -> Iterator[Pair]:
    for step in steps:
        address, name = addresses(step), names(step)
        if address is None or name is None:
            return
        yield address, name


def numberings(name: str) -> list[Renumbered]:
    """How the name may be counted on: with the padding that it shows, or could have.

    The one before `pc10` is `pc9` or `pc09`; far below `pc100` lies `pc9`, `pc09` or `pc009`.
    """
    label, dot, domain = name.partition(".")
    match = LAST_NUMBER.search(label)
    if match is None:
        return []
    digits = match[0]

    def numbering(width: int) -> Renumbered:
        def renumbered(step: int) -> str | None:
            number = int(digits) + step
            if number < 0:
                return None
            return f"{label[: match.start()]}{number:0{width}}{label[match.end() :]}{dot}{domain}"

        return renumbered

    widths = {len(digits)}
    if not digits.startswith("0"):
        widths |= set(range(1, min(len(digits), MOST_PADDED + 1)))
    return [numbering(width) for width in sorted(widths)]


def countings(address: IPAddress) -> list[Renumbered]:
    """How the address may be counted on: as a number; in IPv6 also in decimal, ::9 before ::10."""
    last = f"{int(address) & 0xFFFF:x}"

    def as_number(step: int) -> str | None:
        try:
            return str(address + step)
        except ipaddress.AddressValueError:
            return None

    def in_decimal(step: int) -> str | None:
        number = int(last) + step
        if not 0 <= number <= MOST_DECIMAL:
            return None
        return str(address + (int(str(number), 16) - int(last, 16)))

    return [as_number, in_decimal] if address.version == 6 and last.isdigit() else [as_number]
