"""Brings every table of a folder to a set of entries."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import lmdb

from relay_agent.errors import TableError
from relay_agent.files import folder_lock, remove_strays
from relay_agent.known import carry
from relay_agent.lmdb_table import Change
from relay_agent.reserve import Reserve, is_full
from relay_agent.tables import Table, leftovers, tables
from relay_agent.text import Entries, Records, Still, digest, to_records, unchanged

LOCK_SECONDS = 10.0
FAILURES = (OSError, TableError, lmdb.Error)


@dataclass(frozen=True)
class Report:
    """What an installation did: a change for each file by name, and the digest of the entries.

    Files that are there although their type was not asked for have a change too, for they are
    emptied; `leftovers` names them.
    """

    digest: str
    entries: int
    changes: Mapping[str, Change]
    leftovers: Sequence[str] = ()

    @property
    def changed(self) -> bool:
        return any(self.changes.values())


class InstallError(Exception):
    """Some tables could not be brought up to date; `report` says which ones were.

    `failures` maps each file, or the folder, to what went wrong with it.
    """

    def __init__(self, failures: dict[str, Exception], report: Report) -> None:
        super().__init__(failures, report)
        self.failures = failures
        self.report = report

    def __str__(self) -> str:
        return "; ".join(f"{name}: {error}" for name, error in self.failures.items())


def install(folder: Path, types: Sequence[str], entries: Entries) -> Report:
    """Make the text map and each table of `types` in `folder` hold exactly `entries`.

    As `install_records`. Raises ValueError, before the first table, for an entry that no table
    can hold too.
    """
    return install_records(folder, types, to_records(entries))


def install_records(
    folder: Path, types: Sequence[str], records: Records, still: Still = unchanged
) -> Report:
    """Make the text map and each table of `types` in `folder` hold exactly these records.

    Those that lapse while it works are left out where `still` says so; the report has them.
    The text has them in their order. A table of another type that is there holds nothing
    afterwards: a Postfix that still looks into it exempts nobody by it, and does not miss it. One
    writer at a time; tables that are right already are not touched; one that fails does not keep
    the others from being brought up to date. Raises InstallError after the last, and ValueError,
    before the first, for an unknown type.
    """
    wanted = tables(folder, types)
    changes: dict[str, Change] = {}
    failures: dict[str, Exception] = {}
    left: list[str] = []
    report = Report(digest(records), len(records), changes, left)
    try:
        with folder_lock(folder, LOCK_SECONDS):
            remove_strays(folder)
            others = leftovers(folder, types)
            left += [table.path.name for table in others]
            for table in [*wanted, *others]:
                try:
                    changes[table.path.name] = _bring(
                        table, {} if table in others else records, still
                    )
                except FAILURES as error:
                    failures[table.path.name] = error
            settle_times(wanted)
    except FAILURES as error:
        failures[str(folder)] = error
    if failures:
        raise InstallError(failures, report)
    return report


def _bring(table: Table, records: Records, still: Still) -> Change:
    """Where what is new cannot be written, what is to go must go all the same."""
    try:
        return table.bring_to(records, still)
    except FAILURES as error:
        if is_full(error):
            Reserve(table.folder).give_up()
        with suppress(*FAILURES):
            before = table.read()
            kept = {key: value for key, value in before.items() if _lasts(value, records.get(key))}
            if len(kept) < len(before):
                table.bring_to(kept)
        raise


def _lasts(value: bytes, wanted: bytes | None) -> bool:
    """Whether an entry with this expiry ends no later than it should."""
    return wanted is not None and value.isdigit() and int(value) <= int(wanted)


def settle_times(written: Sequence[Table]) -> None:
    """Keep the text no younger than the tables, else each smtpd warns that they are out of date."""
    times = {table.kind: table.path.stat().st_mtime_ns for table in written if table.state()}
    oldest = min(times.values(), default=0)
    if times.get("text", 0) > oldest:
        text = next(table for table in written if table.kind == "text")
        before = text.state()
        os.utime(text.path, ns=(oldest, oldest))
        carry(text.path, before, text.state())
