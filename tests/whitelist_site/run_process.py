"""`bin/run` as a process of its own, and whoever descends from it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.real.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
UP = "The service is up"


def clean_environment(**settings: str) -> dict[str, str]:
    """What a person's shell has: none of the settings that tests fix for themselves."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **settings}


class Run:
    """One `bin/run` with a folder and a port of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.log = folder / "run.log"
        self.port = free_port()
        self.var = folder / "var"
        own = {"VAR_DIR": str(self.var), "PORT": str(self.port)}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [ROOT / "bin" / "run"],
                env=clean_environment(**own, **settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def text(self) -> str:
        return self.log.read_text()

    def wait_up(self) -> None:
        deadline = time.monotonic() + 90
        while UP not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.1)

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=30)


def stop(service: Run) -> None:
    if service.process.poll() is None:
        service.end(signal.SIGTERM)


def parents() -> dict[int, int]:
    """Each process of this machine and its parent; zombies count as ended."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(folder.name)] = int(parent)
    return found


def family(pid: int) -> set[int]:
    """PID and all processes that descend from it."""
    known, found, grown = parents(), {pid}, True
    while grown:
        more = {child for child, parent in known.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def command_of(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""  # it has ended
