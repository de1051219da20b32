"""A thousand kills (-9) of the relay agent at random moments, most of them while it installs.

    python -m bench.agent_kills [--kills 1000] [--seed 1] [--entries 300]

A real agent keeps an LMDB and a cdb table by a service that signs another snapshot every 20 ms:
entries come, go, and lapse after seconds or an hour. Of ten runs of the agent, one is killed
while it starts, one after seconds without the service, eight in the moments after a snapshot was
handed out, once they have caught up. Another thread reads the LMDB table all the time, as Postfix
would; after each kill Postfix's own postmap reads both.

A violation is: a table that cannot be read; one that is not all of one snapshot, but for entries
that have lapsed; an entry there more than a second after its expiry while the agent runs; an
agent that does not catch up. A kill hit an installation if it left something half done: a file
in the making, or tables of different snapshots. The files are in memory where there is room.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import NamedTuple

from relay_agent.errors import TableError
from relay_agent.files import BUILD_PREFIX, TEMPORARY_SUFFIX
from relay_agent.snapshot import unpack
from relay_agent.tables import Table, tables
from relay_agent.text import IPAddress, Records
from tests.real.processes import NotReadyError, stop, wait_until
from tests.relay_agent.agents import Running, serve
from tests.relay_agent.centre import KEY, Centre, centre, prepare
from tests.relay_agent.tools import QUICK, listed, postmap, seeded

KEYS = {"k1": KEY.public_key()}
TYPES = ("lmdb", "cdb")
CHANGE_SECONDS = 0.02
LOOK_SECONDS = 0.02
INSTALL_SECONDS = 0.04  # a snapshot takes about so long from the service into the last table
START_SECONDS = 0.6
LATE_SECONDS = 1.0
EARLY_SECONDS = 0.1  # by which two readings of the clock, and rounding, may differ
CATCH_UP_SECONDS = 20.0
REMEMBERED = 2_000
MARKS = int(ip_address("11.0.0.0"))  # and the serial: each snapshot has an entry that names it


@dataclass
class Issuer:
    """The service's side: what is exempt changes all the time. Remembers what it handed out."""

    service: Centre
    entries: int
    draw: Random
    serial: int = 1
    exempt: dict[IPAddress, int] = field(default_factory=dict)
    handed: dict[int, Records] = field(default_factory=dict)
    handing: threading.Event = field(default_factory=threading.Event)

    def change(self) -> None:
        """What has lapsed goes, one more goes, and others come in."""
        now, self.serial = time.time(), self.serial + 1
        exempt = {address: end for address, end in self.exempt.items() if end > now}
        if exempt:
            del exempt[self.draw.choice(list(exempt))]
        while len(exempt) < self.entries:
            seconds = self.draw.choice([1, 2, 3, 3600])
            exempt[ip_address(self.draw.randrange(2**24) + 2**27)] = int(now) + 1 + seconds
        self.exempt = exempt
        mark = {ip_address(MARKS + self.serial): int(now) + 3600}
        serve(self.service, exempt | mark, self.serial)

    def hand_out(self, data: bytes) -> bytes:
        found = unpack(data, KEYS)
        self.handed[found.serial] = found.records
        if len(self.handed) > REMEMBERED:
            del self.handed[min(self.handed)]
        self.handing.set()
        return data

    def wrong(self, records: Records, at: float) -> str:
        """Why these are not all of one snapshot, less what has lapsed at `at`; empty: they are."""
        serials = marked(records)
        if len(serials) != 1:
            return f"of {len(serials)} snapshots at once, with {len(records)} records"
        wanted = self.handed.get(serials[0])
        if wanted is None:
            return f"of snapshot {serials[0]}, which was not handed out"
        if not records.items() <= wanted.items():
            return f"more than snapshot {serials[0]} has"
        gone = wanted.items() - records.items()
        if any(int(value) > at + EARLY_SECONDS for _, value in gone):
            return f"less than snapshot {serials[0]} has"
        return ""


def marked(records: Records) -> list[int]:
    """The serials of the snapshots that these are of."""
    return [int(ip_address(key.decode())) - MARKS for key in records if key.startswith(b"11.")]


@dataclass
class Watch:
    """Reads the LMDB table all the time. `ready` is since when the agent that runs has run."""

    table: Table
    issuer: Issuer
    ready: float | None = None
    serial: int = 0
    looks: int = 0
    latest: float = 0.0  # seconds after its expiry, or after the start, that an entry was seen
    violations: list[str] = field(default_factory=list)

    def violated(self, what: str) -> None:
        self.violations.append(what)
        print(f"  VIOLATION: {what}", flush=True)

    def look(self) -> None:
        ready, began = self.ready, time.time()
        records = self.judge(self.table)
        self.looks += 1
        if not records:
            return
        self.serial = max(marked(records), default=0)
        if ready is None:
            return
        late = began - max(ready, min(int(value) for value in records.values()))
        self.latest = max(self.latest, late)
        if late > LATE_SECONDS:
            self.violated(f"an entry was there {late:.2f} s after its expiry")

    def judge(self, table: Table) -> Records:
        """What the table holds; a violation if it is not what it may hold."""
        try:
            records = table.read()
        except (OSError, TableError) as error:
            self.violated(f"{table.path.name} cannot be read: {error}")
            return {}
        self.check(table, records)
        return records

    def check(self, table: Table, records: Records) -> None:
        wrong = self.issuer.wrong(records, time.time())
        if wrong:
            self.violated(f"{table.path.name} is {wrong}")


@contextmanager
def repeated(act: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call it every so often, in a thread."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            act()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Traces(NamedTuple):
    """Names of files in the making, and which snapshot the stored one is and each table holds."""

    making: frozenset[str]
    serials: tuple[int, ...]

    @property
    def half_done(self) -> bool:
        return bool(self.making) or len(set(self.serials)) > 1


@dataclass
class Trial:
    """One agent, killed and started again and again."""

    running: Running
    watch: Watch
    draw: Random
    hits: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)

    @property
    def issuer(self) -> Issuer:
        return self.watch.issuer

    def once(self, number: int) -> None:
        how = {0: "while it starts", 1: "without the service"}.get(number % 10, "while it installs")
        before = self.traces()
        if number % 10 == 0:
            self.running.start(ready="")
            time.sleep(self.draw.uniform(0, START_SECONDS))
        elif number % 10 == 1:
            self.issuer.service.status = 503
            self.start()
            time.sleep(self.draw.uniform(1.0, 3.0))
        else:
            self.start()
            self.caught_up()
            self.issuer.handing.clear()
            self.issuer.handing.wait(CATCH_UP_SECONDS)
            time.sleep(self.draw.uniform(0, INSTALL_SECONDS))
        self.kill()
        self.issuer.service.status = 200
        self.done[how] += 1
        after = self.traces()
        self.hits[how] += after != before and after.half_done
        self.read_by_postfix()

    def start(self) -> None:
        self.running.log.unlink(missing_ok=True)
        self.running.start()
        self.watch.ready = time.time()

    def kill(self) -> None:
        self.watch.ready = None
        self.running.kill()

    def caught_up(self) -> None:
        wanted = self.issuer.serial
        try:
            wait_until(
                lambda: self.watch.serial >= wanted,
                f"snapshot {wanted}",
                timeout=CATCH_UP_SECONDS,
                process=self.running.process,
            )
        except NotReadyError as error:
            self.watch.violated(f"the agent does not catch up: {error}")

    @property
    def tables(self) -> list[Table]:
        return tables(self.running.folder / "map", TYPES)

    def traces(self) -> Traces:
        folder = self.running.folder
        making = [
            path.name
            for path in [*(folder / "map").iterdir(), *(folder / "state").iterdir()]
            if path.name.startswith(BUILD_PREFIX) or path.name.endswith(TEMPORARY_SUFFIX)
        ]
        stored = unpack((folder / "state" / "snapshot").read_bytes(), KEYS).serial
        held = [max(marked(self.watch.judge(table)), default=0) for table in self.tables]
        return Traces(frozenset(making), (stored, *held))

    def read_by_postfix(self) -> None:
        """All of the LMDB table, which postmap can list; of the cdb table one entry."""
        folder = self.running.folder
        base = folder / "map" / "smtp_whitelist"
        lmdb, _, cdb = self.tables
        said = listed("lmdb", base, folder)
        self.watch.check(lmdb, {key.encode(): value.encode() for key, value in said.items()})
        key, value = next(iter(cdb.read().items()))
        if postmap(folder, "-q", key.decode(), f"cdb:{base}").encode() != value + b"\n":
            self.watch.violated("postmap does not find an entry in the cdb table")

    def settle(self) -> None:
        """At the end nothing changes any more: every table comes to the last snapshot."""
        self.start()
        self.issuer.change()
        last = self.issuer.serial
        try:
            wait_until(
                lambda: all(marked(table.read()) == [last] for table in self.tables),
                "the last snapshot in every table",
                timeout=CATCH_UP_SECONDS,
            )
        except NotReadyError as error:
            self.watch.violated(str(error))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--entries", type=int, default=300)
    options = parser.parse_args()
    load = f"load {os.getloadavg()[0]:.1f} at the start"
    print(f"{options.kills:,} kills of the agent, {options.entries} entries, {load}", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-kills-", dir=QUICK) as name, centre() as service:
        trial = prepared(Path(name), service, options.entries, seeded(options.seed))
        try:
            kill_again_and_again(trial, options.kills)
            trial.settle()
        finally:
            if trial.running.process is not None:
                stop(trial.running.process)
    report(trial)
    return 1 if trial.watch.violations else 0


def prepared(folder: Path, service: Centre, entries: int, draw: Random) -> Trial:
    """With an agent that has installed a snapshot, killed while it had nothing to do."""
    issuer = Issuer(service, entries, draw)
    service.spoil = issuer.hand_out
    issuer.change()
    config = prepare(folder, service.url, tables="types = lmdb, cdb")
    watch = Watch(Table(folder / "map", "lmdb"), issuer)
    trial = Trial(Running(folder, config), watch, draw)
    trial.running.start()
    wait_until(lambda: service.told["serial"] == issuer.serial, "the first snapshot")
    trial.running.kill()
    return trial


def kill_again_and_again(trial: Trial, kills: int) -> None:
    began = time.monotonic()
    with (
        repeated(trial.issuer.change, CHANGE_SECONDS),
        repeated(trial.watch.look, LOOK_SECONDS),
    ):
        for number in range(1, kills + 1):
            trial.once(number)
            if number % 50 == 0:
                print(
                    f"  {number:5} kills, {trial.hits.total()} inside an installation,"
                    f" {len(trial.watch.violations)} violations,"
                    f" {time.monotonic() - began:.0f} s",
                    flush=True,
                )


def report(trial: Trial) -> None:
    watch = trial.watch
    print(f"  {'killed':22} {'times':>6} {'inside an installation':>24}")
    for how, times in sorted(trial.done.items()):
        print(f"  {how:22} {times:6} {trial.hits[how]:24}")
    print(f"  {'all':22} {trial.done.total():6} {trial.hits.total():24}")
    print(
        f"  {len(watch.violations)} violations in {watch.looks:,} looks; the latest entry was seen"
        f" {watch.latest * 1000:.0f} ms after its expiry, or after the agent's start"
    )


if __name__ == "__main__":
    sys.exit(main())
