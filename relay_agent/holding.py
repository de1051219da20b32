"""What the agent holds: the last verified snapshot, true time, and the tables that follow them.

Each part of the agent asks here. Nothing in it touches the network.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from relay_agent.config import Config
from relay_agent.deadlines import LONG_AGO, Deadlines, Now, read_clocks
from relay_agent.errors import TableError
from relay_agent.feed import Answer
from relay_agent.install import InstallError, Report, install_records
from relay_agent.snapshot import Snapshot, SnapshotError, unpack
from relay_agent.state import State
from relay_agent.tables import Table
from relay_agent.text import Records, digest

logger = logging.getLogger("relay_agent.agent")


@dataclass(frozen=True)
class Installed:
    """What the tables were last brought to: of which snapshot, and the digest of their text."""

    serial: int = 0
    issued_at: int = 0
    digest: str = digest({})
    entries: int = 0


class Holding:
    """The snapshot in force. `read` reads this machine's clocks, `changed` is called after every
    change that the keeper must hear of."""

    def __init__(
        self,
        config: Config,
        state: State,
        read: Callable[[], Now] = read_clocks,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.config = config
        self.keys: Mapping[str, Ed25519PublicKey] = config.keys
        self.state = state
        self.read = read
        self.changed = changed
        self.heard = state.load_clock()
        self.deadlines = Deadlines(valid_until=LONG_AGO)
        self.snapshot: Snapshot | None = None
        self.data = b""
        self.installed = Installed()
        self.sound = False  # whether the tables took the snapshot in force
        self.brought: Records | None = None  # to what the tables were last brought
        self.put_right = threading.Event()  # somebody else changed a table

    def clocks(self) -> Now:
        """By which everything here ends."""
        return self.heard.true(self.read())

    def records(self) -> Records:
        """What the snapshot in force vouches for, lapsed or not."""
        return {} if self.snapshot is None else self.snapshot.records

    def lasting(self) -> Records:
        """What is exempt at this moment."""
        return self.still(self.records())

    def still(self, records: Records) -> Records:
        """Those of them that are exempt at this moment."""
        return self.deadlines.lasting(records, self.clocks())

    def lasts(self, key: bytes, value: bytes) -> bool:
        """Whether this entry of the snapshot exempts at this moment."""
        return bool(self.still({key: value}))

    def is_over(self) -> bool:
        """Whether there is nothing that the service still vouches for."""
        return self.deadlines.valid_until.left(self.clocks()) <= 0

    def load(self) -> None:
        """Take up what was held before a restart: verified anew, and lengthened by nothing."""
        data = self.state.load_snapshot()
        if data is None:
            return
        try:
            self._accept(self._unpack(data), data)
        except SnapshotError as error:
            logger.warning("the stored snapshot is not used: %s", error)

    def hear(self, answer: Answer) -> None:
        """The service's clock, as it came with an answer."""
        if answer.time is not None:
            self.heard = self.heard.hear(answer.time, answer.sent, answer.received)

    def take(self, data: bytes) -> None:
        """Verify what the service sent, keep it, and bring the tables to it.

        Raises SnapshotError, with nothing changed, if it must not be installed; InstallError,
        OSError or TableError if it is in force but something could not be written.
        """
        if data == self.data and self.sound:
            return
        snapshot = self._unpack(data)
        self._refuse_older(snapshot)
        self._accept(snapshot, data)
        unsaved = None
        try:
            self.state.save_snapshot(data)
        except (OSError, TableError) as error:  # must not keep the tables from being brought up
            unsaved = error
        self.install()
        if unsaved is not None:
            raise unsaved

    def install(self) -> Report:
        """Bring the tables to what is exempt now. Raises InstallError; then `sound` is False."""
        self.put_right.clear()
        self.sound = False
        snapshot, records = self.snapshot, self.lasting()
        try:
            report = install_records(self.config.tables, self.config.types, records, self.still)
        finally:
            self.changed()
        self.brought = records
        if snapshot is not None:
            self.installed = Installed(
                snapshot.serial, snapshot.issued_at, report.digest, report.entries
            )
        self.sound = True
        return report

    def table_was_read(self, table: Table, records: Records) -> None:
        """The keeper found a table changed. One that holds what it should not is put right."""
        if not self.sound or records is self.brought:
            return
        lasting = self.lasting()
        if records != lasting and self.still(records) != lasting:
            self.put_right.set()
            self.changed()
        elif table.kind == "text" and len(records) != self.installed.entries:
            self.installed = Installed(
                self.installed.serial, self.installed.issued_at, digest(records), len(records)
            )

    def save_clock(self) -> None:
        """Raises OSError, TableError."""
        self.state.save_clock(self.heard, self.read())

    def _unpack(self, data: bytes) -> Snapshot:
        known = None if self.snapshot is None else self.snapshot.records
        snapshot = unpack(data, self.keys, known)
        pinned = self.config.pinned
        if pinned and snapshot.service != pinned:
            raise SnapshotError(f"it is of {snapshot.service!r}, not of {pinned!r}")
        return snapshot

    def _refuse_older(self, snapshot: Snapshot) -> None:
        """One that was issued when the one in force was over is no replay, whatever its serial:
        a service that was put back to a backup is followed again."""
        held = self.snapshot
        if held is None or snapshot.order >= held.order or snapshot.issued_at > held.not_after:
            return
        raise SnapshotError(
            f"it is older than the one in force: serial {snapshot.serial} of {snapshot.issued_at},"
            f" after serial {held.serial} of {held.issued_at}"
        )

    def _accept(self, snapshot: Snapshot, data: bytes) -> None:
        clocks = self.read()
        self.heard = self.heard.vouch(snapshot.issued_at, clocks.boot)
        now = self.heard.true(clocks)
        self.deadlines.follow(now)
        self.deadlines.note(snapshot.records, now)
        self.deadlines.vouch_until(snapshot.not_after, now)
        self.snapshot, self.data, self.sound = snapshot, data, False


WRITING = (InstallError, OSError, TableError)
