"""The agent as it runs: it keeps a relay's tables at what the service vouches for.

The loop here ends lapsed entries and waits for nobody; polls, formats, metrics, the policy
service and counting have their own threads.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from relay_agent.check import check
from relay_agent.chores import LOOK_SECONDS, Chore, Mirror
from relay_agent.config import FILE, Config, ConfigError, read_config, read_token
from relay_agent.counted import Counted, Counts
from relay_agent.deadlines import LONG_AGO, Now, read_clocks
from relay_agent.feed import Feed, trust
from relay_agent.files import replace_file
from relay_agent.follow import Follower
from relay_agent.formats import install_formats
from relay_agent.holding import WRITING, Holding
from relay_agent.journal import log_to_stderr, notify
from relay_agent.keeper import LOOK_SECONDS as TABLE_SECONDS
from relay_agent.keeper import Keeper
from relay_agent.metrics import MetricsServer, figures, render
from relay_agent.policy import PolicyServer, View
from relay_agent.reserve import Reserve
from relay_agent.sent import Tally, log_follower
from relay_agent.snapshot import Limits
from relay_agent.state import InUseError, State, only_agent, this_boot
from relay_agent.text import Records

logger = logging.getLogger("relay_agent.agent")

STUCK_SECONDS = 180.0  # a poll and an installation, each as slow as it may be
SIGN_SECONDS = 1.0
# The expiry loop gives up the interpreter at each system call, and gets it back after this when
# a large snapshot is at work. Python's own 5 ms add up to a tenth of a second for one entry.
SWITCH_SECONDS = 0.0005
METRICS_SECONDS = 5.0
RESERVE_SECONDS = 10.0


class Part(Protocol):
    """Something beside the loop, with a thread of its own."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Agent:
    """All parts, wired. `read` reads this machine's clocks."""

    def __init__(self, config: Config, token: str, read: Callable[[], Now] = read_clocks) -> None:
        self.config = config
        self.wake = threading.Event()
        self.stopping = False
        self.sign = float("-inf")  # when systemd heard of us last
        self.holding = Holding(config, State(config.state, this_boot()), read, self._changed)
        context = trust(config.ca_file) if config.url.startswith("https:") else None
        feed = Feed(config.url, token, context, boot=lambda: read().boot)
        self.follower = Follower(self.holding, feed, secrets.token_hex(16))
        self.reserve = Reserve(config.tables)
        self.keeper = Keeper(
            config.tables,
            config.types,
            self.holding.clocks,
            self.holding.deadlines,
            read=self.holding.table_was_read,
            reserve=self.reserve,
        )
        self.formats: Chore | None = None
        reserve = Chore("reserve", self.reserve.keep, RESERVE_SECONDS)
        self.parts: dict[str, Part] = {"reserve": reserve}  # by option, where there is one
        self.mirror: Mirror | None = None

    def run(self) -> None:
        """Until `stop`. Raises OSError where it cannot listen."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self.holding.load()
        self._install()
        self._add_parts()
        for name, part in self.parts.items():
            try:
                part.start()
            except OSError as error:
                raise OSError(f"{name}: {error}") from error
        self.follower.start()
        notify("READY=1")
        while not self.stopping:
            pause = self.keeper.look()
            self._watchdog()
            self.wake.wait(min(pause, TABLE_SECONDS))
            self.wake.clear()
        self._end()

    def _changed(self) -> None:
        """A table or the snapshot did: look at once."""
        self.wake.set()
        if self.holding.put_right.is_set():
            self.follower.wake.set()  # also where it waits because the service is away
        if self.formats is not None:
            self.formats.hurry()

    def stop(self, *_: object) -> None:
        """Safe in a signal handler: the loop looks within a second."""
        self.stopping = True

    def metrics(self) -> bytes:
        return render(figures(self.follower))

    def _add_parts(self) -> None:
        """What the configuration asks for beside tables."""
        config = self.config
        if config.metrics_listen is not None:
            self.parts["[metrics] listen"] = MetricsServer(config.metrics_listen, self.metrics)
        if config.metrics_file is not None:
            written = Chore("[metrics] file", self._write_metrics, METRICS_SECONDS)
            self.parts["[metrics] file"] = written
        if config.formats:
            self.mirror = Mirror(self.holding, self._write_formats)
            self.formats = Chore("[tables] formats", self.mirror.look, LOOK_SECONDS)
            self.parts["[tables] formats"] = self.formats
        if config.policy_listen:
            policy = PolicyServer(config.policy_listen, self.view, config.normal)
            self.parts["[policy] listen"] = policy
            if config.sent_log == "policy":
                self._count(lambda: {name: (*n, 0) for name, n in policy.counts().items()})
        if config.sent_log not in {"", "policy"}:
            tally = Tally(lambda address: address.encode("ascii") in self.holding.records())
            self.parts["[sent] log"] = log_follower(config.sent_log, tally)
            self._count(tally.totals)

    def _count(self, totals: Callable[[], Mapping[str, Counts]]) -> None:
        counted = Counted(totals, self.holding.records)
        self.follower.sent, self.follower.sent_arrived = counted.rows, counted.arrived

    def _write_formats(self, records: Records, now: float) -> None:
        install_formats(self.config.tables, self.config.formats, records, now)

    def _write_metrics(self) -> None:
        if self.config.metrics_file is not None:
            replace_file(self.config.metrics_file, self.metrics())

    def view(self) -> View:
        """What the policy service answers from."""
        held = self.holding.snapshot
        if held is None:
            return View({}, Limits(), "", self.holding.lasts)
        return View(held.records, held.limits, held.service, self.holding.lasts)

    def _install(self) -> None:
        try:
            self.holding.install()
        except WRITING as error:
            logger.warning("not everything could be written: %s", error)

    def _watchdog(self) -> None:
        """A sign of life, once a second, as long as polls go on too."""
        now = time.monotonic()
        if now - self.sign >= SIGN_SECONDS and now - self.follower.beat < STUCK_SECONDS:
            notify("WATCHDOG=1")
            self.sign = now

    def _end(self) -> None:
        """Nobody looks after the tables from now on: so nobody stays exempt by them."""
        notify("STOPPING=1")
        self.follower.stop()
        for part in self.parts.values():
            part.stop()
        self.holding.deadlines.valid_until = LONG_AGO
        self._install()
        if self.mirror is not None:
            Chore("[tables] formats", self.mirror.empty, LOOK_SECONDS).do()
        logger.info("ended; nobody is exempt until the agent runs again")


def run(config: Config) -> int:
    """The agent, until SIGTERM or SIGINT. The exit status."""
    if config.tables.parent == config.state:
        config.tables.mkdir(exist_ok=True)
    with ExitStack() as stack:
        for folder in {config.state, config.tables}:
            stack.enter_context(only_agent(folder))
        agent = Agent(config, read_token(config.token_file))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, agent.stop)
        logger.info("following %s into %s", config.url, config.tables)
        agent.run()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and the file; check, or run. The exit status."""
    parser = argparse.ArgumentParser(
        prog="relay_agent.agent",
        description="Keeps a relay's tables at what the service vouches for.",
    )
    parser.add_argument("--config", type=Path, default=FILE, help=f"default: {FILE}")
    parser.add_argument("--check", action="store_true", help="say all that is wrong, and end")
    options = parser.parse_args(arguments)
    log_to_stderr()
    try:
        config = read_config(options.config)
        if options.check:
            return checked(config)
        return run(config)
    except ConfigError as error:
        return told(error.problems)
    except (InUseError, OSError) as error:
        return told([str(error)])


def checked(config: Config) -> int:
    problems = check(config)
    if problems:
        return told(problems)
    sys.stdout.write("All is well.\n")
    return 0


def told(problems: Sequence[str]) -> int:
    for problem in problems:
        logger.error("%s", problem)
    return 1
