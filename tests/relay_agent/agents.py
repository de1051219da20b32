"""An agent as a process, and what its service says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relay_agent.lmdb_table import read_lmdb
from relay_agent.text import IPAddress
from tests.real.processes import start, wait_until
from tests.relay_agent.centre import LIFETIME, Centre, snapshot
from tests.relay_agent.tools import LMDB, entries

AGENT = [sys.executable, "-m", "relay_agent.agent", "--config"]
# libfaketime would do it for the whole process, and make each sleep fail with EINVAL besides.
SHIFTED = """
import sys, time
true = time.time
time.time = lambda: true() + {shift}
from relay_agent.agent import main
sys.exit(main())
"""
ROOT_FOLDER = Path(__file__).parents[2]


@dataclass
class Running:
    """An agent as it runs in production, below `folder`."""

    folder: Path
    config: Path
    env: Mapping[str, str] = field(default_factory=dict)
    shift: float = 0  # of its wall clock, in seconds
    process: subprocess.Popen[bytes] | None = None

    def start(self, ready: str = "following") -> None:
        """Returns when this run of it, not an earlier one, says that it is at work."""
        before = len(self.said)
        with self.log.open("ab") as out:
            env = {**os.environ, **self.env}
            self.process = start([*self.command, self.config], stderr=out, env=env)
        wait_until(lambda: ready in self.said[before:], ready, process=self.process)

    @property
    def command(self) -> list[str]:
        if not self.shift:
            return AGENT
        return [sys.executable, "-c", SHIFTED.format(shift=self.shift), AGENT[-1]]

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    @property
    def exempt(self) -> dict[IPAddress, int] | None:
        try:
            return read_lmdb(self.folder / "map" / LMDB)
        except FileNotFoundError:
            return None


def soon(*addresses: str, seconds: float = 3600) -> dict[IPAddress, int]:
    return entries(*(addresses or ("10.0.0.1",)), expiry=int(time.time() + seconds))


def was_reported(service: Centre, serial: int) -> bool:
    return bool(service.told["serial"] == serial)


def serve(
    service: Centre,
    wanted: dict[IPAddress, int],
    serial: int = 1,
    issued_at: int | None = None,
    lifetime: int = LIFETIME,
) -> None:
    service.serve(snapshot(wanted, serial, issued_at, lifetime))


def until_exempt(running: Running, wanted: dict[IPAddress, int], timeout: float = 10) -> float:
    """When it was so."""
    wait_until(lambda: running.exempt == wanted, "the table", timeout=timeout)
    return time.time()
