"""Work beside the expiry loop that may take its time: other formats, the metrics file."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from relay_agent.deadlines import NEVER, End
from relay_agent.holding import Holding
from relay_agent.text import Records

logger = logging.getLogger("relay_agent.agent")

LOOK_SECONDS = 1.0


class Chore:
    """Does `work` at once, after each `hurry`, and every so many seconds; says a failure once."""

    def __init__(self, name: str, work: Callable[[], object], seconds: float) -> None:
        self.name = name
        self.work = work
        self.seconds = seconds
        self.complaint = ""
        self.stopping = False
        self.wake = threading.Event()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def hurry(self) -> None:
        self.wake.set()

    def stop(self, timeout: float = 10.0) -> None:
        self.stopping = True
        self.wake.set()
        self.thread.join(timeout)

    def _run(self) -> None:
        while not self.stopping:
            self.wake.clear()
            self.do()
            self.wake.wait(self.seconds)

    def do(self) -> None:
        """Once, now."""
        try:
            self.work()
        except Exception as error:  # noqa: BLE001 -- the next time may go better
            complaint = f"{self.name}: {error or type(error).__name__}"
            if complaint != self.complaint:
                logger.warning("%s", complaint)
            self.complaint = complaint
        else:
            self.complaint = ""


class Mirror:
    """Keeps what `write` writes at what is exempt: after an installation, a lapse, at not_after.

    It judges by itself when an entry lapses, and does not wait for a table to be changed.
    """

    def __init__(self, holding: Holding, write: Callable[[Records, float], object]) -> None:
        self.holding = holding
        self.write = write
        self.written: Records | None = None
        self.source: Records | None = None
        self.next_end: End = NEVER

    def look(self) -> None:
        """Raises as `write` does; then it is tried again at the next look."""
        holding, now = self.holding, self.holding.clocks()
        held = holding.snapshot
        source = None if held is None else held.records
        settled = self.written is not None and source is self.source
        if settled and self.next_end.left(now) > 0:
            return
        records = holding.lasting()
        if records != self.written:
            self.written = None
            self.write(records, now.wall)
        self.next_end = holding.deadlines.next_end(records, now)
        self.source, self.written = source, records

    def empty(self) -> None:
        """At the end: nobody looks after it any more."""
        self.write({}, self.holding.clocks().wall)
