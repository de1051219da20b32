"""Master files (RFC 1035, section 5) → records, one at a time and fast. Pure.

Written for a million records in seconds and in constant memory. A line without quotes,
parentheses, comments and escapes is split at white space; only others are read character by
character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from whitelist.registry.sources import BadLines

SPECIAL = re.compile(r'[;"()\\]')
TTL = re.compile(r"[0-9]+|(?:[0-9]+[WDHMS])+", re.ASCII)
OTHER_CLASS = frozenset({"CH", "CS", "HS"})
TYPE = re.compile(r"[A-Z][A-Z0-9-]*", re.ASCII)
RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})(?:/([0-9]{1,9}))?", re.ASCII)
SINGLE = frozenset({"A", "AAAA", "PTR", "NS", "CNAME", "DNAME"})
SOA_FIELDS = 7
WORD = re.compile(r'[ \t\r\n\f\v]+|;.*|[()]|"(?:[^"\\\n]|\\.)*"|(?:[^\s;"()\\]|\\.)+', re.DOTALL)


class Record(NamedTuple):
    """One record: owner in lower case, absolute without final dot; type in upper case.

    `rdata` are its words as they stand; a name in them is made absolute by `absolute`
    with `origin`.
    """

    owner: str
    type: str
    rdata: list[str]
    origin: str | None
    line: int


class MasterFileError(ValueError):
    """One line is not a record or directive that we read."""


def absolute(name: str, origin: str | None) -> str:
    """A name of a master file in lower case, complete, without the final dot.

    Raises `MasterFileError` for a relative name where no origin is known.
    """
    if name.endswith("."):
        return name[:-1].lower()
    if origin is None:
        raise MasterFileError(f"{name[:80]!r} is relative, and no $ORIGIN is known: give --origin")
    if name == "@":
        return origin
    return f"{name}.{origin}".lower() if origin else name.lower()


@dataclass
class MasterFile:
    """One reading of a master file. `generated` counts records that `$GENERATE` would make.

    A line that is wrong goes to `bad`, and is not yielded.
    """

    lines: Iterable[str]
    bad: BadLines
    origin: str | None = None
    generated: int = 0
    first_origin: str | None = None
    owner: str | None = None

    def __iter__(self) -> Iterator[Record]:
        for line, blank, words in logical_lines(self.lines, self.bad):
            try:
                record = self.read(line, blank, words)
            except MasterFileError as error:
                self.bad.add(line, str(error))
                continue
            if record is not None:
                yield record

    def read(self, line: int, blank: bool, words: list[str]) -> Record | None:
        if words[0][0] == "$" and not blank:
            self.obey(words)
            return None
        if not blank:
            self.owner = absolute(words[0], self.origin)
        if self.owner is None:
            raise MasterFileError("the record has no owner")
        at = type_position(words, 0 if blank else 1)
        kind = words[at].upper()
        rdata = words[at + 1 :]
        if (kind in SINGLE and len(rdata) != 1) or (kind == "SOA" and len(rdata) != SOA_FIELDS):
            raise MasterFileError(f"{kind} with {len(rdata)} fields")
        return Record(self.owner, kind, rdata, self.origin, line)

    def obey(self, words: list[str]) -> None:
        """Follow a directive. `$INCLUDE` is refused: it would read files of this machine."""
        directive = words[0].upper()
        if directive == "$ORIGIN" and len(words) == 2:
            self.origin = absolute(words[1], self.origin)
            self.first_origin = self.first_origin or self.origin
        elif directive == "$GENERATE" and len(words) >= 4:
            self.generated += generate_size(words[1])
        elif directive == "$INCLUDE":
            raise MasterFileError("$INCLUDE is not followed: give one complete file")
        elif directive != "$TTL" or len(words) != 2:
            raise MasterFileError(f"not a directive that is read here: {' '.join(words)[:60]!r}")


def type_position(words: list[str], at: int) -> int:
    """Where the type stands: after the TTL and class, both optional, in either order."""
    for position in range(at, min(at + 3, len(words))):
        word = words[position].upper()
        if word in SINGLE:
            return position
        if word == "IN" or TTL.fullmatch(word):
            continue
        if word in OTHER_CLASS:
            raise MasterFileError(f"class {word}: only IN is read")
        if TYPE.fullmatch(word):
            return position
        break
    raise MasterFileError(f"no record type in {' '.join(words)[:60]!r}")


def generate_size(text: str) -> int:
    """How many records a range of `$GENERATE` stands for."""
    match = RANGE.fullmatch(text)
    if not match:
        raise MasterFileError(f"not a range of $GENERATE: {text[:40]!r}")
    start, stop, step = int(match[1]), int(match[2]), int(match[3] or 1)
    if step == 0 or stop < start:
        raise MasterFileError(f"not a range of $GENERATE: {text[:40]!r}")
    return (stop - start) // step + 1


def logical_lines(lines: Iterable[str], bad: BadLines) -> Iterator[tuple[int, bool, list[str]]]:
    """Number of the first line, whether it begins blank (owner as before), and its words."""
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        blank = line[:1] in {" ", "\t"}
        if SPECIAL.search(line) is None:
            words = line.split()
        else:
            try:
                words = read_words(number, line, numbered)
            except MasterFileError as error:
                bad.add(number, str(error))
                continue
        if words:
            yield number, blank, words


def read_words(number: int, line: str, following: Iterator[tuple[int, str]]) -> list[str]:
    """Words of a line with quotes, comments or parentheses, which take in the lines that follow."""
    words, depth = split_line(line, 0)
    while depth:
        more = next(following, None)
        if more is None:
            raise MasterFileError("a parenthesis is not closed before the end of the file")
        found, depth = split_line(more[1], depth)
        words += found
    return words


def split_line(line: str, depth: int) -> tuple[list[str], int]:
    """The words of one line, and how many parentheses are open after it."""
    words: list[str] = []
    position = 0
    while position < len(line):
        match = WORD.match(line, position)
        if match is None:
            raise MasterFileError(f"cannot be read from {line[position : position + 20]!r}")
        position = match.end()
        word = match[0]
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
        elif not word[0].isspace() and word[0] != ";":
            words.append(word)
        if depth < 0:
            raise MasterFileError("a parenthesis is closed that was not opened")
    return words, depth
