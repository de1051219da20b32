"""Follows the service: asks, verifies, installs, reports. Its own thread; expiry waits for nothing.

When the service does not answer, it is asked less often, by chance and up to every 30 seconds.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from relay_agent.feed import Feed, FeedError
from relay_agent.holding import WRITING, Holding
from relay_agent.snapshot import SnapshotError

logger = logging.getLogger("relay_agent.agent")

VERSION = "1.0"
LONGEST_WAIT = 30.0
REPORT_EVERY = 10.0
REPORT_AGAIN = 2.0  # after one that did not arrive and has news
ERROR_LENGTH = 500
STOP_SECONDS = 30.0  # an installation under way may wait for a lock, or for postmap
CLOCK_SECONDS = 1.0
REPORT_BYTES = 900_000  # the service takes 1 MiB

SentRow = dict[str, Any]


def no_counting() -> list[SentRow]:
    return []


def backoff(failures: int, poll_seconds: float, chance: float) -> float:
    """Seconds to wait after that many failures in a row; `chance` from 0 to 1.

    Doubled each time, of which at least half is waited.
    """
    longest = min(LONGEST_WAIT, poll_seconds * 2.0 ** min(failures, 16))
    return longest * (0.5 + 0.5 * chance)


class Follower:
    """One poll after another. `sent` tells what was sent since the last report that arrived, and
    `sent_arrived` hears that it did."""

    def __init__(
        self,
        holding: Holding,
        feed: Feed,
        run: str,
        *,
        sent: Callable[[], list[SentRow]] = no_counting,
        sent_arrived: Callable[[list[SentRow]], None] = lambda _: None,
    ) -> None:
        self.holding = holding
        self.feed = feed
        self.run_id = run
        self.sent = sent
        self.sent_arrived = sent_arrived
        self.etag = ""
        self.failures = 0
        self.errors = 0
        self.error = ""  # the last one that was not reported yet
        self.problem = ""  # what stands in the way now
        self.last_success: float | None = None  # since boot
        self.beat = time.monotonic()
        self.reported_at = float("-inf")
        self.report_now = True
        self.report_failed = False
        self.clock_is_wrong = False
        self.stopping = False
        self.wake = threading.Event()
        self.thread = threading.Thread(target=self._run, name="follow", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Returns when it has ended: until then it may still install what it heard."""
        self.stopping = True
        self.wake.set()
        self.feed.interrupt()
        self.thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self.stopping:
            pause = self.step()
            self.beat = time.monotonic()
            self.wake.wait(pause)
            self.wake.clear()

    def step(self) -> float:
        """Put a table right, or poll; then report if that is due. Seconds until the next."""
        began = time.monotonic()
        try:
            reached = self._poll()
        except Exception as error:
            logger.exception("a poll failed in a way that nobody thought of")
            self._failed(f"{type(error).__name__}: {error}")
            reached = False
        if reached and self._report_is_due():
            self._report()
        if self.failures:
            return backoff(self.failures, self.holding.config.poll_seconds, random.random())  # noqa: S311
        return max(0.0, self.holding.config.poll_seconds - (time.monotonic() - began))

    def _poll(self) -> bool:
        """Whether the service answered."""
        holding, before = self.holding, self.holding.snapshot
        if holding.put_right.is_set():
            self._put_right()
        try:
            answer = self.feed.poll(self.etag)
        except FeedError as error:
            self._failed(f"the service was not reached: {error}")
            return error.status not in {0, 401, 503}
        try:
            holding.hear(answer)
            if answer.data is not None:
                holding.take(answer.data)
                self.etag = answer.etag
            elif not holding.sound:
                holding.install()
            holding.save_clock()
        except SnapshotError as error:
            self._failed(f"the snapshot was refused: {error}")
        except WRITING as error:
            self._failed(f"not everything could be written: {error}")
        else:
            self._judge()
        if holding.snapshot is not before:
            self._tell()
        return True

    def _judge(self) -> None:
        """A poll went well; is what it left in force still good?"""
        if self.holding.is_over():
            self._failed(
                "the snapshot is over, so nobody is exempt: is this relay's clock ahead,"
                " or did the service stop issuing?"
            )
        else:
            self._succeeded()
        self._judge_clock()

    def _judge_clock(self) -> None:
        """Say once when this machine's clock begins to be wrong; the service sees it by itself."""
        offset = self.holding.heard.clock_offset(self.holding.read()) or 0.0
        wrong = abs(offset) > CLOCK_SECONDS
        if wrong and not self.clock_is_wrong:
            way = "ahead of" if offset > 0 else "behind"
            logger.warning("this clock is %.1f s %s the service's", abs(offset), way)
        self.clock_is_wrong = wrong

    def _put_right(self) -> None:
        try:
            changed = self.holding.install().changed
        except WRITING as error:
            self._failed(f"a table could not be put right: {error}")
        else:
            if changed:
                logger.warning("a table did not hold what it should; it was put right")

    def _tell(self) -> None:
        held = self.holding.snapshot
        if held is not None and self.holding.sound:
            entries, digest = self.holding.installed.entries, self.holding.installed.digest[:12]
            logger.info("installed serial %d: %d entries, %s…", held.serial, entries, digest)
        self.report_now = True

    def _succeeded(self) -> None:
        if self.problem:
            logger.info("well again after: %s", self.problem)
        self.problem, self.failures = "", 0
        self.last_success = self.holding.read().boot

    def _failed(self, problem: str) -> None:
        """Say it once, not at every poll."""
        self.failures += 1
        self.errors += 1
        self.error = problem[:ERROR_LENGTH]
        if problem != self.problem:
            logger.warning("%s", problem)
            self.report_now = True
        self.problem = problem

    def _report_is_due(self) -> bool:
        waited = time.monotonic() - self.reported_at
        soon = REPORT_AGAIN if self.report_failed else 0.0
        return waited >= (soon if self.report_now else REPORT_EVERY)

    def _report(self) -> None:
        """A report that does not arrive changes nothing here; the next one says the same."""
        self.reported_at = time.monotonic()
        error, rows = self.error, fitting(self.sent())
        try:
            self.feed.report(self.report_body(error, rows))
        except FeedError as failure:
            if not self.report_failed:
                logger.warning("the report did not arrive: %s", failure)
            self.report_failed = True
            return
        self.sent_arrived(rows)
        self.report_now = self.report_failed = False
        if self.error == error:
            self.error = self.problem[:ERROR_LENGTH]

    def report_body(self, error: str, rows: list[SentRow]) -> bytes:
        """The report in JSON."""
        now, installed = self.holding.read(), self.holding.installed
        content = {
            "serial": installed.serial,
            "digest": installed.digest,
            "issued_at": installed.issued_at,
            "version": VERSION,
            "boot_seconds": now.boot,
            "time": now.wall,
            "error": error,
            "run": self.run_id,
            "sent": rows,
        }
        return json.dumps(content).encode("ascii")


def fitting(rows: list[SentRow]) -> list[SentRow]:
    """As many of them as one report holds; the others go with the next."""
    size, fit = 0, []
    for row in rows:
        size += len(json.dumps(row)) + 2
        if size > REPORT_BYTES:
            break
        fit.append(row)
    return fit
