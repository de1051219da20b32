"""How long an entry is in a relay's tables after its expiry, as those see it who look it up."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import lmdb

from relay_agent.files import lock_record
from relay_agent.tables import Table
from relay_agent.text import IPAddress, record_key

PROMISED_SECONDS = 1.0  # the longest that an entry may outlive its expiry, in every table
LOOK_SECONDS = 0.001
TEXT_SECONDS = 0.02  # between two looks at the text, which is read whole
GIVE_UP = 60.0

IsThere = Callable[[IPAddress], bool]


class Late(NamedTuple):
    """Seconds after its expiry that the latest entry went, from each table."""

    lmdb: float
    text: float

    @property
    def over(self) -> list[str]:
        """The tables that broke the promise."""
        return [name for name, late in self._asdict().items() if late > PROMISED_SECONDS]

    def __str__(self) -> str:
        latest = ", ".join(f"{name} {late * 1000:.0f} ms" for name, late in self._asdict().items())
        over = f"  over: {', '.join(self.over)}" if self.over else ""
        return f"{latest} (promised: {PROMISED_SECONDS * 1000:.0f} ms){over}"


def watch_lapses(folder: Path, ending: dict[IPAddress, int], meanwhile: Callable[[], None]) -> Late:
    """Wait for these entries, in order of their expiry, to go; do `meanwhile` again and again."""
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(latest_of, of, folder, ending) for of in (looking_up, reading)]
        while not all(each.done() for each in found):
            meanwhile()
        return Late(*(each.result() for each in found))


@contextmanager
def looking_up(folder: Path) -> Iterator[tuple[IsThere, float]]:
    """Look addresses up in the LMDB table, under the lock that Postfix takes."""
    path = Table(folder, "lmdb").path
    fd = os.open(path, os.O_RDONLY)

    def is_there(address: IPAddress) -> bool:
        lock_record(fd, fcntl.F_RDLCK, path, GIVE_UP)
        try:
            with env.begin() as transaction:
                return transaction.get(record_key(address) + b"\0") is not None
        finally:
            lock_record(fd, fcntl.F_UNLCK, path, GIVE_UP)

    try:
        with lmdb.open(str(path), subdir=False, lock=False, readonly=True) as env:
            yield is_there, LOOK_SECONDS
    finally:
        os.close(fd)


@contextmanager
def reading(folder: Path) -> Iterator[tuple[IsThere, float]]:
    """Look for addresses in the text, below its first line."""
    path = Table(folder, "text").path
    yield lambda address: b"\n%s\t" % record_key(address) in path.read_bytes(), TEXT_SECONDS


def latest_of(
    looking: Callable[[Path], AbstractContextManager[tuple[IsThere, float]]],
    folder: Path,
    ending: dict[IPAddress, int],
) -> float:
    """Seconds after its expiry that the latest of these entries went."""
    late = []
    with looking(folder) as (is_there, pause):
        for address, end in ending.items():
            until(partial(no_longer, is_there, address), pause)
            late.append(time.time() - end)
    assert min(late) >= 0, "one was never there, or went before its time"
    return max(late)


def no_longer(is_there: IsThere, address: IPAddress) -> bool:
    return not is_there(address)


def until(true: Callable[[], bool], pause: float = LOOK_SECONDS) -> float:
    """When it was so."""
    limit = time.perf_counter() + GIVE_UP
    while not true():
        assert time.perf_counter() < limit, "never"
        time.sleep(pause)
    return time.perf_counter()
