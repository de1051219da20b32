"""A whole relay: an agent with tables of its own, and a Postfix that looks into them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from relay_agent.lmdb_table import read_lmdb
from tests.real.postfix import PrivatePostfix
from tests.real.processes import start, stop, wait_until
from tests.real.service import ROOT, Service

CONFIG = """\
[service]
url = {url}
token_file = {folder}/token
poll_seconds = {poll}

[keys]
{keys}

[tables]
folder = {folder}/map

[state]
folder = {folder}/state
"""


class Relay:
    """One relay that follows `service`; `python` runs the agent. `poll` in seconds.

    It looks at the tables as `smtpd_client_event_limit_exceptions`.
    """

    def __init__(
        self, service: Service, name: str, *, poll: float = 1.0, python: str = sys.executable
    ) -> None:
        self.service = service
        self.name = name
        self.poll = poll
        self.python = python
        self.folder = Path()
        self.agent: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="whitelist-relay-"))
        self.folder.chmod(0o755)
        for name in ("state", "map"):
            (self.folder / name).mkdir()
        try:
            self._configure()
            self.start()
            wait_until(self.table.exists, "the agent's table", process=self.agent)
            exceptions = f"$mynetworks, lmdb:{self.folder}/map/smtp_whitelist"
            self.postfix = PrivatePostfix({"smtpd_client_event_limit_exceptions": exceptions})
            self.postfix.__enter__()
        except BaseException as error:
            error.add_note(self._story())
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(self._story())
        self.postfix.__exit__(kind, error, traceback)
        self._end()

    @property
    def table(self) -> Path:
        return self.folder / "map" / "smtp_whitelist.lmdb"

    def exempt(self) -> set[str]:
        """The addresses in its table."""
        return {str(address) for address in read_lmdb(self.table)}

    def expiry(self, address: str) -> int | None:
        """When the address ends in its table, in Unix seconds."""
        return read_lmdb(self.table).get(ip_address(address))

    def start(self) -> None:
        with (self.folder / "agent.log").open("ab") as log:
            self.agent = start(
                [self.python, "-m", "relay_agent.agent", "--config", str(self.config)],
                env={"PATH": os.environ["PATH"]},
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        if self.agent is not None:
            stop(self.agent)
        self.agent = None

    def kill(self) -> None:
        """`kill -9`."""
        assert self.agent is not None
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait()
        self.agent = None

    def log(self) -> str:
        file = self.folder / "agent.log"
        return file.read_text("utf-8", "replace") if file.exists() else ""

    def _story(self) -> str:
        return f"the agent of {self.name} said:\n{self.log()[-3000:]}"

    @property
    def config(self) -> Path:
        return self.folder / "agent.conf"

    def _configure(self) -> None:
        token = self.service.manage("relay", "add", self.name).split()[-1]
        keys = self.service.manage("relay", "key").strip().splitlines()
        (self.folder / "token").write_text(token + "\n")
        (self.folder / "token").chmod(0o600)
        self.config.write_text(
            CONFIG.format(
                url=self.service.environment["BASE_URL"],
                folder=self.folder,
                keys="\n".join(keys),
                poll=self.poll,
            )
        )

    def _end(self) -> None:
        self.stop()
        # The next service on this database must not wait for a relay that is gone.
        self.service.manage("relay", "remove", self.name)
        shutil.rmtree(self.folder, ignore_errors=True)
