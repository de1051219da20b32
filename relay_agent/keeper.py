"""Ends lapsed entries on this machine: `python -m relay_agent.keeper --folder DIR --types lmdb`.

A Postfix table has no expiry, so this process is the expiry. It needs nothing but the tables:
whatever became of the web service, its worker, its clockwork or its database, an entry is taken
out of every table when its time is over. It never adds an entry. A table that is missing or
broken is replaced by an empty one: on doubt no exemption, never no mail. A table of a type that
is not among `--types` is looked after too for as long as it is there.
"""

from __future__ import annotations

import argparse
import logging
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from relay_agent.deadlines import Deadlines, Now, read_clocks
from relay_agent.errors import BrokenTable
from relay_agent.files import folder_lock, remove_strays
from relay_agent.former import Former
from relay_agent.install import FAILURES, settle_times
from relay_agent.known import State
from relay_agent.lmdb_table import change_in_place
from relay_agent.reserve import Reserve, is_full
from relay_agent.tables import Table, leftovers, tables
from relay_agent.text import Records

logger = logging.getLogger("relay_agent.keeper")

ENDING = {signal.SIGTERM, signal.SIGINT}
LONGEST_SLEEP = 1.0
# While nothing is due. A look costs 0.1 ms; until a table that was cut or deleted is found, each
# smtpd that looks into it dies, or exempts nobody for as long as it runs.
LOOK_SECONDS = 0.05
AGAIN_SECONDS = 0.25  # after a table that could not be looked at: an entry in it may be due
LOCK_SECONDS = 0.25  # a writer that hangs must not keep us from the LMDB table for longer


@dataclass
class Watched:
    """A table as it was last seen. Without a `state` it must be read."""

    table: Table
    state: State | None = None
    complaint: str = ""


def nobody(_table: Table, _records: Records) -> None:
    """Nobody asked what a table holds."""


@dataclass
class Keeper:
    """Looks after the tables of one folder. `clocks` tells the time.

    `read` is told what a table that was asked for holds, each time that it was found changed.
    `reserve` is given up where an entry cannot be ended because the disk is full.
    """

    folder: Path
    types: Sequence[str]
    clocks: Callable[[], Now] = read_clocks
    deadlines: Deadlines = field(default_factory=Deadlines)
    had_folder: bool = True
    read: Callable[[Table, Records], None] = nobody
    reserve: Reserve | None = None

    def __post_init__(self) -> None:
        self.watched = [Watched(table) for table in tables(self.folder, self.types)]
        self.formers: dict[Path, Former] = {}
        self.ended: dict[str, int] = {}  # at this look, by file

    def look(self) -> float:
        """One look at every table; ends what has lapsed. Seconds until the next look is due."""
        self.deadlines.follow(self.clocks())
        if not self._has_folder():
            return LONGEST_SLEEP
        self._watch_leftovers()
        for watched in self.watched:
            self._end_what_is_due()  # each time: reading a table takes as long as it takes
            self._try(self._look_at, watched)
        self._follow_sessions()
        if self.ended:
            self._tell()
        return self._pause()

    def _end_what_is_due(self) -> None:
        """End what has lapsed since the last time, in each table that nobody changed since."""
        if self.deadlines.some_lapsed(self.clocks()):
            for watched in self.watched:
                if watched.state is not None and watched.state == watched.table.state():
                    self._try(self._end_lapsed, watched)

    def _try(self, act: Callable[[Watched], None], watched: Watched) -> None:
        try:
            self._with_room(act, watched)
        except FAILURES as error:
            self._complain(watched, str(error))
            watched.state = None

    def _follow_sessions(self) -> None:
        """Empty what running SMTP sessions still look into and is no table any more."""
        for watched in self.watched:
            path = watched.table.path
            if watched.table.kind == "lmdb":
                self.formers.setdefault(path, Former(path)).look()

    def _watch_leftovers(self) -> None:
        """Also what is there of other types, and no longer what has gone of them."""
        known = {watched.table: watched for watched in self.watched}
        others = leftovers(self.folder, self.types)
        for table in others:
            if table not in known:
                logger.warning("%s: not asked for, and looked after all the same", table.path.name)
        wanted = [*tables(self.folder, self.types), *others]
        self.watched = [known.get(table) or Watched(table) for table in wanted]

    def _with_room(self, act: Callable[[Watched], None], watched: Watched) -> None:
        try:
            act(watched)
        except FAILURES as error:
            if self.reserve is None or not is_full(error) or not self.reserve.give_up():
                raise
            act(watched)

    def _look_at(self, watched: Watched) -> None:
        """Has somebody changed it? Then note its entries, and end those that have lapsed."""
        if watched.state is not None and watched.table.state() == watched.state:
            return
        records = self._learn(watched)
        if len(self._lasting(records)) < len(records):
            self._end_lapsed(watched)
            records = self._learn(watched)
        if watched.table.kind in {"text", *self.types}:
            self.read(watched.table, records)

    def _lasting(self, records: Records) -> Records:
        return self.deadlines.lasting(records, self.clocks())

    def _learn(self, watched: Watched) -> Records:
        """Read the table, whatever its state."""
        state = watched.table.state()  # before reading: a change meanwhile is seen next time
        try:
            records = watched.table.read()
        except (FileNotFoundError, BrokenTable) as error:
            self._complain(watched, f"{error}; an empty table takes its place")
            self._replace_by_empty(watched.table, state)
            state, records = watched.table.state(), watched.table.read()
        else:
            watched.complaint = ""
        watched.state = state
        return records

    def _end_lapsed(self, watched: Watched) -> None:
        count = self._take_out(watched.table)
        if count:
            name = watched.table.path.name
            self.ended[name] = self.ended.get(name, 0) + count

    def _take_out(self, table: Table) -> int:
        """Take lapsed entries out of one table. How many.

        An LMDB table is guarded by its own lock: a writer that hangs with the folder's lock in
        its hand cannot lengthen an entry there.
        """
        if table.kind == "lmdb":
            with suppress(BrokenTable):  # it may be read and not written: a new one, as below
                return change_in_place(table.path, self._lasting).deleted
        with folder_lock(self.folder, LOCK_SECONDS):
            remove_strays(self.folder)
            records = table.read()
            lasting = self._lasting(records)
            if len(lasting) < len(records):
                table.bring_to(lasting)
                settle_times(tables(self.folder, self.types))
        return len(records) - len(lasting)

    def _replace_by_empty(self, table: Table, state: tuple[int, ...]) -> None:
        """Unless somebody has changed the table since it was in this state."""
        with folder_lock(self.folder, LOCK_SECONDS):
            if table.state() == state:
                table.write({})
                settle_times(tables(self.folder, self.types))

    def _has_folder(self) -> bool:
        found = self.folder.is_dir()
        if found is not self.had_folder:
            logger.warning("the folder %s %s", self.folder, "is there" if found else "is missing")
        self.had_folder = found
        return found

    def _complain(self, watched: Watched, complaint: str) -> None:
        """Say it once, not every second."""
        if complaint != watched.complaint:
            logger.warning("%s: %s", watched.table.path.name, complaint)
        watched.complaint = complaint

    def _tell(self) -> None:
        self.deadlines.forget(self.clocks())
        counts = ", ".join(f"{count} in {name}" for name, count in self.ended.items())
        self.ended.clear()
        logger.info("lapsed entries ended: %s", counts)

    def _pause(self) -> float:
        """Until the next entry lapses, or a table must be looked at again."""
        again = any(watched.state is None for watched in self.watched)
        left = self.deadlines.left(self.clocks())
        return max(0.0, min(LONGEST_SLEEP, left, AGAIN_SECONDS if again else LONGEST_SLEEP))


def run(keeper: Keeper) -> None:
    """Look until SIGTERM or SIGINT, which must be blocked: they are heard between two looks.

    A handler that raises would do so anywhere, also where Python drops exceptions.
    """
    while signal.sigtimedwait(ENDING, min(keeper.look(), LOOK_SECONDS)) is None:
        pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and keep the folder until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="relay_agent.keeper", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the tables are")
    parser.add_argument(
        "--types", default="lmdb", help="lmdb, hash, cdb; separated by commas or white space"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="keeper: %(message)s")
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    types = [word for word in re.split(r"[,\s]+", options.types) if word]
    if not types:
        parser.error("--types names no table type")
    try:
        keeper = Keeper(options.folder, types)
    except ValueError as error:
        parser.error(str(error))
    logger.info("keeping %s (%s)", options.folder, ", ".join(types))
    run(keeper)


if __name__ == "__main__":
    main()
