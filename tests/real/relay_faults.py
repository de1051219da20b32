"""Several relays on one Postfix, each with an agent, and somebody who sends all the while."""

from __future__ import annotations

import itertools
import math
import os
import shutil
import smtplib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from relay_agent.text import IPAddress
from tests.real.postfix import HOST, PrivatePostfix, Session
from tests.real.processes import free_port, start, stop, wait_until
from tests.relay_agent.agents import AGENT, Running
from tests.relay_agent.centre import Centre, prepare, snapshot

LIMIT = 60  # messages an hour of one client
PROBE_SECONDS = 0.1
PROBES_A_MESSAGE = 4
LAST = 3600  # seconds: far beyond the end of these tests
# A wall clock that somebody sets while the agent runs; time since boot goes on as ever.
STEPPED = """
import sys, time
from pathlib import Path
true, shift = time.time, Path(sys.argv[-1]).with_name("shift")
time.time = lambda: true() + float(shift.read_text())
from relay_agent.agent import main
sys.exit(main())
"""


class Relays(PrivatePostfix):
    """One Postfix with a relay for each of the `maps`: an smtpd with a port and tables of its own.

    How long master waits after an smtpd that died is set as docs/relay-agent.md says.
    """

    def __init__(self, maps: Sequence[Path]) -> None:
        super().__init__(
            {
                "smtpd_client_message_rate_limit": str(LIMIT),
                "service_throttle_time": "1s",
            }
        )
        self.ports = [free_port(HOST) for _ in maps]
        self.maps = maps

    def _prepare(self) -> None:
        super()._prepare()
        with (self.etc / "master.cf").open("a") as master:
            for port, folder in zip(self.ports, self.maps, strict=True):
                exceptions = f"smtpd_client_event_limit_exceptions = lmdb:{folder}/smtp_whitelist"
                master.write(f"{HOST}:{port} inet n - n - - smtpd\n  -o {{ {exceptions} }}\n")


class Seen(NamedTuple):
    """What came of one message: who sent it at `at` (Unix time), how, and the answer's code.

    `code` is 0 where the connection was lost. `took`: seconds until the answer.
    """

    who: str
    how: str
    at: float
    code: int
    took: float


@dataclass
class Stepped(Running):
    """An agent on a machine whose wall clock `step` sets."""

    user: str | None = None
    cwd: Path | None = None
    python: str = sys.executable

    @property
    def command(self) -> list[str]:
        if (self.folder / "shift").exists():
            return [self.python, "-c", STEPPED, "--config"]
        return [self.python, *AGENT[1:]]

    def start(self, ready: str = "following") -> None:
        self.said_before = len(self.said)
        with self.log.open("ab") as out:
            env = {**os.environ, **self.env}
            self.process = start(
                [*self.command, self.config], stderr=out, env=env, user=self.user, cwd=self.cwd
            )
        wait_until(
            lambda: ready in self.said[self.said_before :], ready, process=self.process, timeout=15
        )

    def become(self, user: str, python: str, code: Path) -> None:
        """Run as that user, whose its folders become, on that Python."""
        lib = self.folder / "lib"
        shutil.copytree(code / "relay_agent", lib / "relay_agent")
        for path in (self.folder / "map", self.folder / "state", self.folder / "token"):
            shutil.chown(path, user)
        self.user, self.python, self.cwd = user, python, lib

    def step(self, seconds: float) -> None:
        """Set its clock ahead by so many seconds, or back."""
        beside = self.folder / "shift.new"
        beside.write_text(str(seconds))
        beside.replace(self.folder / "shift")


@dataclass
class Relay:
    """A relay, its agent, and the service that it follows. `number` makes its clients its own.

    `ending` is exempt until `expiry`, `lasting` for an hour; a `fresh` client is not throttled
    yet. What its watchers see is in `seen`.
    """

    number: int
    folder: Path
    centre: Centre = field(default_factory=Centre)
    port: int = 0
    expiry: int = 0
    serial: int = 1
    began: float = 0
    up: float = 0  # when its agent was last started
    left: set[str] = field(default_factory=set)  # who was exempt at the end
    seen: list[Seen] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    watchers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.counter = itertools.count()
        self.centre.start()
        self.agent = Stepped(self.folder, prepare(self.folder, self.centre.url))
        self.folder.chmod(0o755)  # smtpd looks into it

    @property
    def table(self) -> Path:
        return self.folder / "map" / "smtp_whitelist.lmdb"

    def client(self, name: str) -> str:
        names = ("ending", "lasting", "later", "normal", "idle")
        return f"127.{self.number}.255.{1 + names.index(name)}"

    def fresh(self) -> str:
        high, low = divmod(next(self.counter), 250)
        return f"127.{self.number}.{high}.{1 + low}"

    def serve(self, *names: str, at: float | None = None, more: Iterable[str] = (), **how: Any):
        """Publish: those clients and `more` until far away, but `ending` until `at`.

        `expiry` becomes that, a whole Unix second.
        """
        self.serial += 1
        if at is not None:
            self.expiry = math.ceil(at)
        far = math.ceil(time.time() + LAST)
        addresses = [*map(self.client, names), *more]
        wanted: dict[IPAddress, int] = {ip_address(address): far for address in addresses}
        if "ending" in names:
            wanted[ip_address(self.client("ending"))] = self.expiry
        self.centre.serve(snapshot(wanted, self.serial), **how)

    @property
    def over(self) -> float:
        """When `ending` has to be over: where the agent was being started then, once it runs."""
        return max(self.expiry, self.up)

    def start_agent(self) -> None:
        self.agent.start()
        self.up = time.time()

    def start(self) -> None:
        """Agent first, then its throttled clients, who are exempt when this returns."""
        self.serve()
        self.start_agent()
        wait_until(self.table.exists, "its table", process=self.agent.process, timeout=10)
        self.sessions = {name: self.throttled(name) for name in ("ending", "lasting", "later")}

    def exempt(self, ends: float = LAST) -> None:
        """`ending` and `lasting` are exempt when this returns, and watched from now on."""
        self.serve("ending", "lasting", at=time.time() + ends)
        for name in ("ending", "lasting"):
            self.wait_exempt(name)
        self.watch()

    def sleep_until(self, moment: float) -> None:
        time.sleep(max(0.0, moment - time.time()))

    def story(self) -> str:
        lines = [
            f"{seen.at - self.expiry:+.2f} {seen.who} {seen.how} {seen.code} {seen.took:.2f}"
            for seen in sorted(self.seen, key=lambda seen: seen.at)
        ]
        return "\n".join([f"fault at {self.began - self.expiry:+.2f}", self.agent.said, *lines])

    def throttled(self, name: str) -> Session:
        """An open session of that client, who has reached the limit."""
        session = Session(self.port, self.client(name))
        codes = [ask(session) for _ in range(LIMIT + 1)]
        assert codes == [250] * LIMIT + [450], codes
        return session

    def wait_exempt(self, name: str, timeout: float = 10) -> None:
        wait_until(partial(self.passes, name), f"{name} is exempt", timeout=timeout)

    def passes(self, name: str) -> bool:
        return self.once(name, "asked", self.client(name), ask).code == 250

    def once(self, who: str, how: str, source: str, what: Callable[[Session], int]) -> Seen:
        """One message over a connection of its own."""
        at = time.time()
        try:
            with Session(self.port, source) as session:
                code = what(session)
        except (OSError, smtplib.SMTPException):
            code = 0
        return Seen(who, how, at, code, time.time() - at)

    def watch(self) -> None:
        self.watchers = [
            threading.Thread(target=target, daemon=True)
            for target in (self._watch_clients, self._watch_mail)
        ]
        for thread in self.watchers:
            thread.start()

    def _watch_clients(self) -> None:
        sessions = {name: self.sessions[name] for name in ("ending", "lasting")}
        while not self.stopped.wait(PROBE_SECONDS):
            for name in ("ending", "lasting"):
                self.seen.append(self._over(sessions, name, ask))
                self.seen.append(self.once(name, "new", self.client(name), ask))

    def _watch_mail(self) -> None:
        sessions: dict[str, Session] = {}
        while not self.stopped.wait(PROBE_SECONDS * PROBES_A_MESSAGE):
            self.seen.append(self._over(sessions, "normal", whole))
            self.seen.append(self.once("normal", "new", self.fresh(), whole))

    def _over(
        self, sessions: dict[str, Session], name: str, what: Callable[[Session], int]
    ) -> Seen:
        """One message over the open connection; where that is lost, the next opens another."""
        at, code = time.time(), 0
        try:
            if name not in sessions:
                sessions[name] = Session(self.port, self.client(name))
            code = what(sessions[name])
        except (OSError, smtplib.SMTPException):
            sessions.pop(name).close() if name in sessions else None
        return Seen(name, "open", at, code, time.time() - at)

    def has_mailed(self, messages: int) -> bool:
        """Whether others have sent so many, both ways."""
        return all(len(self.codes("normal", how, 0)) >= messages for how in ("open", "new"))

    def end(self) -> None:
        self.stopped.set()
        for thread in self.watchers:
            thread.join()
        if self.agent.process is not None:
            stop(self.agent.process)
        self.centre.stop()

    def unmount(self) -> None:
        subprocess.run(["umount", "-q", self.folder / "map"], capture_output=True, check=False)

    def codes(self, who: str, how: str, since: float, until: float = math.inf) -> list[int]:
        """What that client was answered to messages that began and ended then."""
        return [
            seen.code
            for seen in self.seen
            if (seen.who, seen.how) == (who, how)
            and since <= seen.at
            and seen.at + seen.took < until
        ]


def ask(session: Session) -> int:
    """The answer to MAIL, where the limit is; no message is sent."""
    code, _ = session.smtp.mail("sender@example.org")
    session.smtp.docmd("RSET")
    return code


def whole(session: Session) -> int:
    """The answer to a whole message."""
    return session.send().code
