"""One canonical form of a host's name. Pure.

Lower case, without the final dot, in ASCII: a name in Chinese becomes its `xn--` form.
Letters, digits and hyphens as RFC 1123 wants them; an underscore inside a label is let
through, since machines carry such names, but never at its beginning, where it marks a
service (`_dmarc`), not a machine.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_NAME = 253
MAX_LABEL = 63
LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
# At least two labels, the last one not a number: `140.114.64.154` is no name.
FULL_NAME = re.compile(rf"(?:{LABEL}\.)+(?![0-9]+\Z){LABEL}", re.ASCII)
ONE_LABEL = re.compile(LABEL, re.ASCII)

# Words that stand where no machine is, as the whole label. They are words of names, too
# (`free-radius`, `null-lab`): any other word beside them makes a name.
PLACEHOLDERS = frozenset(
    {"available", "example", "examples", "free", "localhost", "nohost", "noname", "none", "null"}
    | {"notallocated", "notassigned", "notinuse", "notused", "reserved", "tba", "tbd", "todo"}
    | {"unallocated", "undefined", "unknown", "unnamed", "vacant", "xxx", "xxxx", "xxxxx"}
)
# Words that nobody gives to a machine, whatever stands beside them.
SURE_PLACEHOLDERS = frozenset({"placeholder", "unassigned", "unused"})
# Words that change nothing beside a placeholder: `reserved-for-future-use`, `free-ip-12`.
FILLERS = frozenset({"addr", "address", "for", "future", "host", "hostname", "ip", "name", "use"})
# How each of these words begins, perhaps taken apart (`not-used`): most names have none of it.
HINT = re.compile(r"avail|exam|free|local|no|null|place|reserv|tb|todo|un|vacant|xx", re.ASCII)
WORD = re.compile(r"[a-z]+", re.ASCII)
NO_WORD = "0123456789-_"


class HostnameError(ValueError):
    """The text is not the full name of a host."""


def check_hostname(text: str) -> str:
    """The name in canonical form. Raises `HostnameError` with the reason."""
    name = text.lower().removesuffix(".")
    if not name.isascii():
        name = in_ascii(name)
    if is_hostname(name):
        return name
    raise HostnameError(f"{text[:80]!r} {fault(name)}")


def is_hostname(name: str) -> bool:
    """Whether a name that is lower case and without its final dot can be a host's."""
    return len(name) <= MAX_NAME and FULL_NAME.fullmatch(name) is not None


def is_placeholder(name: str) -> bool:
    """Whether a host's name stands for nobody: `unused`, `reserved-17`, `12-not-used`, `free3`.

    Only the first label is judged, by its words; numbers and separators do not count.
    """
    label = name.partition(".")[0]
    return HINT.search(label) is not None and stands_for_nobody(label.strip(NO_WORD))


@lru_cache(maxsize=4_096)
def stands_for_nobody(label: str) -> bool:
    """Remembered, since such names have few stems: `unused` of `unused-1`, `unused-2` …"""
    words = WORD.findall(label)
    if not SURE_PLACEHOLDERS.isdisjoint(words):
        return True
    said = "".join(word for word in words if word not in FILLERS)
    return said in PLACEHOLDERS or "".join(words) in PLACEHOLDERS


def in_ascii(name: str) -> str:
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise HostnameError(f"{name[:80]!r} is not an internationalised name: {error}") from error


def fault(name: str) -> str:
    """What is wrong with a name that is not a host's."""
    labels = name.split(".")
    if len(name) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    if "*" in labels:
        return "is a wildcard"
    for label in labels:
        if not ONE_LABEL.fullmatch(label):
            return label_fault(label)
    if len(labels) == 1:
        return "is not a full domain name"
    return "ends in a number, as an address does"


def label_fault(label: str) -> str:
    if not label:
        return "has an empty label"
    if len(label) > MAX_LABEL:
        return f"has a label longer than {MAX_LABEL} characters"
    return f"has a label that no host can have: {label!r}"
