"""hash and cdb tables: built beside by Postfix's own postmap, read back, renamed.

postmap takes bad input for good and exits 0, so what it built is compared with what was meant.
It reads a `main.cf`: a minimal one of ours, never the machine's.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from relay_agent.cdb_file import read_cdb
from relay_agent.errors import BrokenTable, TableError
from relay_agent.files import build_folder, check_folder, move_into_place
from relay_agent.lmdb_table import Change
from relay_agent.programs import find_program, search_path
from relay_agent.text import Records, render_records

SUFFIXES = {"hash": ".db", "cdb": ".cdb"}
MAIN_CF = "compatibility_level = 3.6\n"
POSTMAP_SECONDS = 30.0


class PostmapError(TableError):
    """postmap refused what it was given, died of it, or never came to an end."""


def read_built(kind: str, path: Path) -> Records:
    """The records of a hash or cdb table. Raises OSError, BrokenTable, TableError."""
    if kind == "cdb":
        return read_cdb(path)
    with path.open("rb"), tempfile.TemporaryDirectory() as work:
        return _list_hash(path, Path(work))


def build(kind: str, path: Path, records: Records) -> Change:
    """Put a fresh table with exactly `records` at `path`. Hold the folder's lock while calling.

    Raises TableError if postmap is missing, fails, or built something else.
    """
    check_folder(path.parent)
    with build_folder(path.parent) as work:
        source = work / path.stem
        source.write_bytes(render_records(records))
        _postmap(work, f"{kind}:{source}")
        built = work / path.name
        found = read_cdb(built) if kind == "cdb" else _list_hash(built, work)
        if found != records:
            raise TableError(f"{path}: postmap built another table than was asked for")
        move_into_place(built, path)
    return Change(put=len(records), rebuilt=True)


def _list_hash(path: Path, work: Path) -> Records:
    """What a hash table holds, as Postfix itself reads it."""
    try:
        listing = _postmap(work, "-s", f"hash:{path.with_suffix('')}")
    except PostmapError as error:
        raise BrokenTable(path, str(error)) from error
    return dict(line.split(b"\t", 1) for line in listing.splitlines() if b"\t" in line)


def _postmap(work: Path, *arguments: str) -> bytes:
    """Run postmap with a configuration of its own in `work`; what it printed."""
    (work / "main.cf").write_text(MAIN_CF, encoding="ascii")
    os.utime(work / "main.cf", (0, 0))  # Postfix waits two seconds for a young one to settle
    program = find_program("postmap")
    if program is None:
        raise TableError("postmap is not installed (Debian: apt install postfix)")
    try:
        done = subprocess.run(
            [program, "-c", str(work), *arguments],
            capture_output=True,
            check=False,
            timeout=POSTMAP_SECONDS,
            env={"PATH": search_path(), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise PostmapError(f"postmap {arguments[-1]} took over {POSTMAP_SECONDS:g} s") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip() or f"status {done.returncode}"
        raise PostmapError(f"postmap {arguments[-1]} failed: {said}")
    return done.stdout
