"""A zone as a master file → the hosts that it registers.

Read twice: the first reading finds what the second needs, the apex and where other zones
begin, so that nothing but that has to be kept, and a file that is wrong gives no host at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from whitelist.addresses import AddressError
from whitelist.registry.classify import LeftOut
from whitelist.registry.omissions import Omission, Omissions
from whitelist.registry.outline import Outline
from whitelist.registry.sources import BadLines, HostRow, SourceError
from whitelist.registry.sources.master_file import MasterFile, MasterFileError, Record, absolute

UTF8_BOM = "\xef\xbb\xbf"  # as it looks when read byte for byte
MAX_ZONE_NAME = 255
MAX_ORIGIN = 253
ZONE_NAME = re.compile(r"[a-z0-9_/-]{1,63}(?:\.[a-z0-9_/-]{1,63})*", re.ASCII)
MAX_SERIAL = 2**32 - 1
SERIAL = re.compile(r"[0-9]{1,10}", re.ASCII)
# What a name in a file may hold besides itself: bytes that no text should, and no end.
ODD = re.compile(r"[^!-~]")
MOST_SHOWN = 1_024


@dataclass
class ZoneFile:
    """One zone in a file that can be read twice.

    `origin` is where relative names begin, and the apex, where the file does not say it
    itself. `omissions` is complete when `hosts` has been read to its end. Raises
    `BadLinesError` and other `SourceError`s.
    """

    file: BinaryIO
    origin: str | None = None
    omissions: Omissions = field(default_factory=Omissions)
    generated: int = 0

    def __post_init__(self) -> None:
        if self.origin is not None:
            self.origin = checked_origin(self.origin)
        self.outline = self.read_outline()

    def read(self, bad: BadLines) -> MasterFile:
        # Comments may be in any encoding, so bytes are read one for one; what is not ASCII
        # in a name is no host's name.
        self.file.seek(0)
        lines = (line.decode("latin-1") for line in self.file)
        return MasterFile(without_bom(lines), bad, origin=self.origin)

    def read_outline(self) -> Outline:
        bad = BadLines()
        master = self.read(bad)
        soa: Record | None = None
        cuts, renamed = set(), set()
        for record in master:
            if record.type == "NS":
                cuts.add(record.owner)
            elif record.type == "DNAME":
                renamed.add(record.owner)
            elif record.type == "SOA":
                check_soa(record, soa, bad)
                soa = record
        bad.check()
        apex = self.apex(soa, master)
        self.generated = master.generated
        return Outline(
            apex,
            int(soa.rdata[2]) if soa else None,
            frozenset(cut for cut in cuts if cut.endswith("." + apex)),
            frozenset(name for name in renamed if ("." + name).endswith("." + apex)),
        )

    def apex(self, soa: Record | None, master: MasterFile) -> str:
        """The zone's name: its SOA says so; without one `--origin`, or the first `$ORIGIN`."""
        apex = soa.owner if soa else (self.origin or master.first_origin)
        if not apex:
            raise SourceError("the file does not say which zone it is: give --origin")
        if soa and self.origin and self.origin != apex:
            raise SourceError(f"--origin is {self.origin}, but the file's SOA is of {apex}")
        if len(apex) > MAX_ZONE_NAME:
            raise SourceError(f"no zone has such a long name: {apex[:80]}…")
        return apex

    @property
    def left_out(self) -> Counter[LeftOut]:
        return self.omissions.counts

    def hosts(self) -> Iterator[HostRow]:
        """The hosts, each as the file states it; what registers nobody goes to `omissions`."""
        bad = BadLines()
        self.omissions.clear()
        if self.generated:
            self.omissions.counts[LeftOut.GENERATED] = self.generated
        for record in self.read(bad):
            if record.type not in self.outline.types:
                continue
            try:
                target = target_of(record)
                host = self.outline.host(record.owner, record.type, target)
            except (AddressError, MasterFileError) as error:
                bad.add(record.line, str(error))
                continue
            if isinstance(host, LeftOut):
                shown = printable(record.owner), record.type, printable(target)
                self.omissions.add(Omission.of(host, *shown))
            else:
                yield HostRow(host[0], host[1], None, None, record.line)
        bad.check()


def target_of(record: Record) -> str:
    """An address as it stands, a name made absolute. Raises `MasterFileError`."""
    if record.type in {"A", "AAAA"}:
        return record.rdata[0]
    return absolute(record.rdata[0], record.origin)


def printable(name: str) -> str:
    """A name fit for any database and its index: odd bytes as `\\DDD`, cut where it is too long."""
    return ODD.sub(lambda odd: f"\\{ord(odd[0]):03d}", name[:MOST_SHOWN])[:MOST_SHOWN]


def checked_origin(origin: str) -> str:
    """The name in lower case, without its final dot; empty for the root, `.`.

    Labels may hold `_`, and the `/` of delegated reverse zones. Raises `SourceError`.
    """
    name = origin.lower().removesuffix(".")
    if origin != "." and not (len(name) <= MAX_ORIGIN and ZONE_NAME.fullmatch(name)):
        raise SourceError(f"--origin {origin[:80]!r} is no zone's name")
    return name


def check_soa(record: Record, other: Record | None, bad: BadLines) -> None:
    if other is not None and other.owner != record.owner:
        bad.add(record.line, f"a second zone begins here, {record.owner}: one file holds one")
    if not (SERIAL.fullmatch(record.rdata[2]) and int(record.rdata[2]) <= MAX_SERIAL):
        bad.add(
            record.line, f"the SOA's serial is not a number of 32 bits: {record.rdata[2][:40]!r}"
        )


def without_bom(lines: Iterator[str]) -> Iterator[str]:
    for first in lines:
        yield first.removeprefix(UTF8_BOM)
        break
    yield from lines
