"""A table of 100,000 entries: how long the agent takes for it, and how much memory.

    python -m bench.big_table [--entries 100000] [--times 5]

A real agent process, and a service that signs. The clock starts when the service begins to answer
with a snapshot, and stops when the LMDB table has changed, and when the text has too; the tables
are then compared with the snapshot. "Change": one entry more and one less. "First": nothing was
known before. "Rebuild": the table is garbage when the agent starts, and the clock starts with the
process. "Lapse": an entry ends each second while changes are served; it must be gone from both
tables within a second, and the status is 1 where it is not. Beside it Debian's
postmap builds tables of the same text. Memory is the peak of each process (VmHWM). Files are in
memory where there is room: the disk's fsync is not counted.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.lapses import LOOK_SECONDS, Late, until, watch_lapses
from relay_agent.lmdb_table import read_records
from relay_agent.tables import Table
from relay_agent.text import IPAddress, read_text, render_text, to_records
from tests.real.parts import require
from tests.real.processes import start, stop, wait_until
from tests.relay_agent.agents import Running
from tests.relay_agent.centre import Centre, centre, compressed, prepare, signed, snapshot
from tests.relay_agent.tools import LMDB, QUICK, many

CHANGE_SECONDS = 0.3  # after one that took about as long to be signed
LEAD_SECONDS = 15  # for a busy machine to install what is about to end
QUIET_SECONDS = 1.5  # until the agent has looked at what it wrote


class Took(NamedTuple):
    """Seconds until the LMDB table, and until the text too."""

    table: float
    all: float


class Built(NamedTuple):
    """What a run of postmap took: seconds, and MB at its peak."""

    seconds: float
    memory: float


@dataclass
class Site:
    """An agent and its service."""

    running: Running
    service: Centre
    wanted: dict[IPAddress, int]
    serial: int = 0
    handed_at: float = 0.0

    def hand_out(self, data: bytes) -> bytes:
        self.handed_at = time.perf_counter()
        return data

    def install(self, wanted: dict[IPAddress, int]) -> Took:
        """Serve this, and wait until the agent has brought the tables to it."""
        self.wanted = wanted
        done = self.watch_change()
        self.serve(wanted)
        lmdb, both = done()
        return Took(lmdb - self.handed_at, both - self.handed_at)

    def serve(self, wanted: dict[IPAddress, int]) -> None:
        """Compressed beforehand, as the service has it when it is asked."""
        self.serial += 1
        found = snapshot(wanted, self.serial)
        compressed(signed(found))
        self.service.serve(found)

    def lapses(self, seconds: int) -> Late:
        """Entries end, one a second, while one change after the other is served."""
        began = int(time.time()) + LEAD_SECONDS
        ending = {ip_address(f"10.251.0.{number}"): began + number for number in range(seconds)}
        self.install(self.wanted | ending)
        numbers = itertools.cycle(range(250))

        def change() -> None:
            more = {ip_address(f"10.252.0.{next(numbers)}"): began + 3000}
            now = time.time()
            self.wanted = {a: end for a, end in self.wanted.items() if end > now} | more
            self.serve(self.wanted)
            time.sleep(CHANGE_SECONDS)

        late = watch_lapses(self.running.folder / "map", ending, change)
        wait_until(lambda: self.service.told["serial"] == self.serial, "the last change")
        self.wanted = {a: end for a, end in self.wanted.items() if a not in ending}
        self.compare()
        return late

    def restart(self) -> float:
        """Over a broken table, without the service. Seconds until it is whole."""
        self.running.kill()
        path = self.running.folder / "map" / LMDB
        path.with_name("beside").write_bytes(b"garbage" * 9999)
        path.with_name("beside").replace(path)
        self.service.stop()
        done, began = self.watch_change(text=False), time.perf_counter()
        self.running.start()
        return done()[0] - began

    def watch_change(self, *, text: bool = True) -> Callable[[], tuple[float, float]]:
        """Call what it returns to wait for the change: when LMDB did, and when the text did too."""
        folder = self.running.folder / "map"
        lmdb, lines = Table(folder, "lmdb"), Table(folder, "text")
        before = lmdb.state(), lines.state()

        def done() -> tuple[float, float]:
            first = until(lambda: lmdb.state() not in (before[0], ()))
            both = until(lambda: lines.state() not in (before[1], ())) if text else first
            self.compare()
            return first, both

        return done

    def compare(self) -> None:
        folder, wanted = self.running.folder / "map", to_records(self.wanted)
        assert read_records(folder / LMDB) == wanted
        assert read_text(folder / "smtp_whitelist") == wanted
        time.sleep(QUIET_SECONDS)

    @property
    def memory(self) -> float:
        assert self.running.process is not None
        return peak(self.running.process.pid)


def peak(pid: int) -> float:
    """The peak of a process's memory, in MB; 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    _, found, rest = status.partition("VmHWM:")
    return int(rest.split()[0]) / 1024 if found else 0.0


def main() -> int:
    """1 where an entry outlived its expiry for longer than promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    print(f"{options.entries:,} entries, load {os.getloadavg()[0]:.1f} at the start", flush=True)
    wanted = dict.fromkeys(many(options.entries), int(time.time()) + 3600)
    with tempfile.TemporaryDirectory(prefix="bench-table-", dir=QUICK) as name:
        folder = Path(name)
        builds = {
            kind: [postmap(folder, kind, wanted) for _ in range(options.times)]
            for kind in ("lmdb", "hash")
        }
        with centre() as service:
            late = run_agent(folder, service, wanted, options.times, builds)
    return 1 if late.over else 0


def run_agent(
    folder: Path,
    service: Centre,
    wanted: dict[IPAddress, int],
    times: int,
    builds: dict[str, list[Built]],
) -> Late:
    site = Site(Running(folder, prepare(folder, service.url)), service, {})
    service.spoil = site.hand_out
    site.running.start()
    wait_until(lambda: service.reports, "the first report")
    try:
        idle = site.memory
        first = site.install(wanted)
        changes = [site.install(changed(wanted, number)) for number in range(times)]
        late = site.lapses(times * 2)
        memory = site.memory
        rebuilt = site.restart()
    finally:
        if site.running.process is not None:
            stop(site.running.process)
    report(first, changes, rebuilt, builds)
    print(f"  agent's memory at its peak: {idle:.0f} MB empty, {memory:.0f} MB with all")
    print(f"  with changes all the time an entry is there after its expiry for at most: {late}")
    return late


def changed(wanted: dict[IPAddress, int], number: int) -> dict[IPAddress, int]:
    """One entry less and another more; each number of its own."""
    left = dict(wanted)
    del left[list(wanted)[number]]
    return left | {ip_address(f"10.250.0.{number}"): next(iter(wanted.values()))}


def postmap(folder: Path, kind: str, wanted: dict[IPAddress, int]) -> Built:
    """Build a whole table with Debian's postmap."""
    source = folder / "postmap"
    source.write_bytes(render_text(wanted))
    for old in folder.glob("postmap.*"):
        old.unlink()
    main_cf = folder / "main.cf"
    main_cf.write_text("compatibility_level = 3.6\n")
    os.utime(main_cf, (0, 0))
    began, memory = time.perf_counter(), 0.0
    process = start([require("postmap", "postfix"), "-c", folder, f"{kind}:{source}"])
    while process.poll() is None:
        memory = max(memory, peak(process.pid))
        time.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "postmap")
    return Built(seconds, memory)


def report(
    first: Took,
    changes: list[Took],
    rebuilt: float,
    builds: dict[str, list[Built]],
) -> None:
    lmdb = median(build.seconds for build in builds["lmdb"])
    one, both = (median(values) for values in zip(*changes, strict=True))
    rows = {
        "one change": one,
        "one change, text too": both,
        "first snapshot": first.table,
        "first snapshot, text too": first.all,
        "rebuild at start": rebuilt,
    }
    for what, seconds in rows.items():
        print(f"  agent, {what:25} {seconds * 1000:7.0f} ms  {seconds / lmdb:5.1f} of postmap lmdb")
    for kind, found in builds.items():
        seconds, most = median(b.seconds for b in found), max(b.memory for b in found)
        ratio = one / seconds
        print(
            f"  postmap {kind}, all of it {' ' * 7}{seconds * 1000:7.0f} ms, {most:.0f} MB;"
            f" the agent's change takes {ratio:.1f} times as long"
        )


if __name__ == "__main__":
    sys.exit(main())
