"""Lists in CSV: hosts (`address,hostname[,unit,contact]`) and networks.

UTF-8 with or without BOM. The header is mandatory and names the columns in any order.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from whitelist.addresses import AddressError, parse_address, parse_network
from whitelist.models.host import Host
from whitelist.models.network import Network, NetworkKind
from whitelist.registry.breadth import TooBroadError, check_breadth
from whitelist.registry.names import HostnameError, check_hostname
from whitelist.registry.reverse_names import plain_ipv4
from whitelist.registry.sources import BadLines, HostRow, SourceError

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SURROGATE = re.compile(r"[\ud800-\udfff]")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class NetworkRow(NamedTuple):
    """One network; `unit` and `contact` are None where the file has no such column."""

    cidr: str
    kind: str
    unit: str | None
    contact: str | None


class BadRowError(ValueError):
    """One row cannot be used."""


@dataclass(frozen=True)
class Row:
    """One row by column name, stripped, with the number of its first line."""

    line: int
    values: dict[str, str]

    def optional(self, column: str, limit: int | None) -> str | None:
        value = self.values.get(column)
        if value is not None and limit is not None and len(value) > limit:
            raise BadRowError(f"{column} is longer than {limit} characters")
        return value


def read_hosts(file: BinaryIO) -> Iterator[HostRow]:
    """The hosts of a file, as they stand in it.

    Raises `BadLinesError` after the last row, or after many bad ones: apply nothing before
    the iteration has ended.
    """
    unit_limit = Host._meta.get_field("unit").max_length
    contact_limit = Host._meta.get_field("contact").max_length
    bad = BadLines()
    for row in read_rows(file, ("address", "hostname"), ("unit", "contact"), bad):
        try:
            yield HostRow(
                canonical(row.values["address"]),
                check_hostname(row.values["hostname"]),
                row.optional("unit", unit_limit),
                row.optional("contact", contact_limit),
                row.line,
            )
        except (AddressError, HostnameError, BadRowError) as error:
            bad.add(row.line, str(error))
    bad.check()


def canonical(text: str) -> str:
    return text if plain_ipv4(text) else str(parse_address(text))


def read_networks(file: BinaryIO) -> list[NetworkRow]:
    """The networks of a file. Raises `BadLinesError`; a CIDR stands in a file once."""
    unit_limit = Network._meta.get_field("unit").max_length
    contact_limit = Network._meta.get_field("contact").max_length
    bad = BadLines()
    found: dict[str, tuple[int, NetworkRow]] = {}
    for row in read_rows(file, ("cidr", "kind"), ("unit", "contact"), bad):
        try:
            parsed = parse_network(row.values["cidr"])
            check_breadth(parsed)
            cidr = str(parsed)
            if cidr in found:
                raise BadRowError(f"{cidr} stands on line {found[cidr][0]} already")
            network = NetworkRow(
                cidr,
                known_kind(row.values["kind"]),
                row.optional("unit", unit_limit),
                row.optional("contact", contact_limit),
            )
            found[cidr] = row.line, network
        except (AddressError, BadRowError, TooBroadError) as error:
            bad.add(row.line, str(error))
    bad.check()
    return [network for _line, network in found.values()]


def known_kind(text: str) -> str:
    kind = text.lower()
    if kind not in NetworkKind.values:
        raise BadRowError(f"kind {text[:40]!r} is not one of {', '.join(NetworkKind.values)}")
    return kind


def read_rows(
    file: BinaryIO, required: tuple[str, ...], optional: tuple[str, ...], bad: BadLines
) -> Iterator[Row]:
    """The rows below the header; a row that is not usable as such goes to `bad`.

    Raises `SourceError` where the header is not one.
    """
    reader = csv.reader(text_lines(file), strict=True)
    columns: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
            if columns is None:
                columns = header(fields, required, optional)
            elif fields:
                yield Row(line, dict(zip(columns, clean_fields(fields, columns), strict=True)))
        except StopIteration:
            break
        except (csv.Error, BadRowError) as error:
            bad.add(line, str(error))
    if columns is None:
        bad.check()
        raise SourceError(f"the file is empty: its first line must be {','.join(required)}")


def header(fields: list[str], required: tuple[str, ...], optional: tuple[str, ...]) -> list[str]:
    """The column names. Raises `SourceError` where they are not those of such a file."""
    columns = [field.strip().lower() for field in fields]
    known = (*required, *optional)
    for column in columns:
        if column not in known:
            raise SourceError(
                f"line 1: unknown column {column[:40]!r}: the header is {','.join(required)},"
                f" and may have {','.join(optional)}"
            )
    for column in known:
        if columns.count(column) > 1:
            raise SourceError(f"line 1: column {column} stands twice")
    for column in required:
        if column not in columns:
            raise SourceError(f"line 1: column {column} is missing")
    return columns


def clean_fields(fields: list[str], columns: list[str]) -> list[str]:
    if len(fields) != len(columns):
        raise BadRowError(f"{len(fields)} fields, and the header has {len(columns)}")
    cleaned = [field.strip() for field in fields]
    for field in cleaned:
        if not field.isprintable():
            check_characters(field)
    return cleaned


def check_characters(field: str) -> None:
    if SURROGATE.search(field):
        raise BadRowError("not UTF-8 (from Excel, save as “CSV UTF-8”)")
    if CONTROL.search(field):
        raise BadRowError(f"a control character: {field[:60]!r}")


def text_lines(file: BinaryIO) -> Iterable[str]:
    """The lines as text; bytes that are not UTF-8 become surrogates, to be named by line."""
    for number, line in enumerate(file):
        if number == 0:
            if line.startswith(UTF_16):
                raise SourceError("the file is UTF-16: save it as UTF-8 (Excel: “CSV UTF-8”)")
            yield line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        else:
            yield line.decode("utf-8", "surrogateescape")
