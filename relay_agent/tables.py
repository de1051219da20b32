"""The tables of one folder, each by the one name and shape that Postfix wants."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relay_agent import lmdb_table, postmap
from relay_agent.errors import BrokenTable
from relay_agent.files import replace_file
from relay_agent.known import State, file_state, recall, remember
from relay_agent.lmdb_table import Change
from relay_agent.text import Records, Still, read_text, render_records, unchanged

NAME = "smtp_whitelist"
TYPES = ("lmdb", "hash", "cdb")


@dataclass(frozen=True)
class Table:
    """One file of the folder; `kind` is `text` or one of TYPES."""

    folder: Path
    kind: str

    @property
    def path(self) -> Path:
        suffixes = {"text": "", "lmdb": ".lmdb", **postmap.SUFFIXES}
        return self.folder / (NAME + suffixes[self.kind])

    def read(self) -> Records:
        """What it holds. Raises FileNotFoundError, BrokenTable, TableError, OSError."""
        if self.kind == "lmdb":
            return lmdb_table.read_records(self.path)
        try:
            if self.kind == "text":
                known = recall(self.path, self.state())
                return read_text(self.path) if known is None else known
            return postmap.read_built(self.kind, self.path)
        except PermissionError as error:
            raise BrokenTable(self.path, error.strerror or "it may not be opened") from error

    def bring_to(self, records: Records, still: Still = unchanged) -> Change:
        """Make it hold exactly `records`, and touch nothing if it does. Of
        these `still` says, at the last moment, which have not lapsed. Raises as `read`.

        Hold the folder's lock while calling.
        """
        if self.kind in postmap.SUFFIXES:
            try:
                if self.read() == records:
                    return Change()
            except (FileNotFoundError, BrokenTable):
                pass
        return self.write(records, still)

    def write(self, records: Records, still: Still = unchanged) -> Change:
        """As `bring_to`, but a table that postmap builds is built anew whatever it holds.

        postmap takes a second over a broken one, before it says so.
        """
        if self.kind == "lmdb":
            return lmdb_table.bring_to(self.path, records, still)
        records = still(records)
        if self.kind == "text":
            seen = replace_file(self.path, render_records(records))
            if seen is None:
                return Change()
            remember(self.path, file_state(seen), records)
            return Change(put=len(records), rebuilt=True)
        return postmap.build(self.kind, self.path, records)

    def state(self) -> State:
        """Differs after every change; cheap. Empty while the file is missing."""
        try:
            seen = self.path.stat()
        except FileNotFoundError:
            return ()
        commit = lmdb_table.commit_number(self.path) if self.kind == "lmdb" else 0
        return file_state(seen, commit)


def tables(folder: Path, types: Sequence[str]) -> list[Table]:
    """The tables of `folder`, the quickest to take effect first. Raises ValueError."""
    unknown = sorted(set(types) - set(TYPES))
    if unknown:
        raise ValueError(f"unknown table type {unknown[0]!r}; known are {', '.join(TYPES)}")
    kinds = ["lmdb", "text", "hash", "cdb"]
    return [Table(folder, kind) for kind in kinds if kind == "text" or kind in types]


def leftovers(folder: Path, types: Sequence[str]) -> list[Table]:
    """The tables on disk of types that are not among `types`: asked for once, not any more.

    A Postfix may still look into them, so they must neither go on exempting nor go missing.
    """
    others = tables(folder, [kind for kind in TYPES if kind not in types])
    return [table for table in others if table.kind != "text" and os.path.lexists(table.path)]
