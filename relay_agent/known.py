"""What this process knows its tables to hold, so that it need not read them again.

A table of 100,000 entries takes a third of a second to read, and more on a busy machine; its
writer knows what is in it. That counts for as long as the file is as its writer left it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from relay_agent.text import Records

State = tuple[int, ...]  # of a file: differs after every change

_KNOWN: dict[Path, tuple[State, Records]] = {}


def file_state(seen: os.stat_result, commit: int = 0) -> State:
    """`commit`: the number of the last one, where the file is changed in place."""
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, commit


def recall(path: Path, state: State) -> Records | None:
    """What the table at `path`, in this state, holds; None: it must be read."""
    known = _KNOWN.get(path)
    return known[1] if known is not None and known[0] == state else None


def remember(path: Path, state: State, records: Records) -> None:
    """The file of this state was written with these records, which nobody may alter.

    Its time of change must have been set with `stamp` before anybody else could write to it.
    """
    _KNOWN[path] = state, records


def carry(path: Path, before: State, after: State) -> None:
    """We changed the state alone."""
    records = recall(path, before)
    if records is not None:
        remember(path, after, records)


def stamp(file: int | Path) -> bool:
    """Set a time of change that no later write can get by itself. False: it is another's file.

    The kernel's own times tick every few milliseconds: without this, a write soon after ours
    might leave no trace.
    """
    now = time.time_ns()
    try:
        os.utime(file, ns=(now, now))
    except PermissionError:
        return False
    return True
