"""Run the processes of the Procfile together: when one ends, or a signal comes, all end.

`honcho start`, with three faults of it mended: a signal during the first moments is not lost,
a process that ignores its signal is killed after a while also when no other has ended, and
whoever kills the supervisor ends all.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.process import Popen, Process

from surroundings import signal_when_parent_ends

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 8.0  # seconds between the signal and SIGKILL


class Member(Process):  # type: ignore[misc]  # honcho has no types
    """One line of the Procfile. Between it and the supervisor stands the reader of its output,
    which ignores SIGTERM: should the supervisor be killed, that one is too, and this is asked.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._child_ctor = partial(
            Popen, preexec_fn=partial(signal_when_parent_ends, signal.SIGTERM)
        )

    def run(self, *arguments: Any, **options: Any) -> None:
        signal_when_parent_ends(signal.SIGKILL)
        super().run(*arguments, **options)


class Supervisor(Manager):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self._process_ctor = Member
        self._asked_too_early = False
        self._asked_at: float | None = None

    def terminate(self) -> None:
        """Called for a signal, and for the first process that ended."""
        if not super()._all_started():
            self._asked_too_early = True
            return
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        super().terminate()

    def _all_started(self) -> bool:
        """What the loop asks each time around, which is the place to catch up on a signal."""
        started: bool = super()._all_started()
        if started and self._asked_too_early:
            self._asked_too_early = False
            self.terminate()
        if self._asked_at is not None and time.monotonic() > self._asked_at + PATIENCE:
            self.kill()
        return started

    def _system_print(self, data: str) -> None:
        """Only what nobody asked for: an end by itself, or an end by force."""
        if "SIGKILL" in data or ("stopped" in data and not self._terminating):
            super()._system_print(data)


def main() -> int:
    supervisor = Supervisor()
    procfile = (ROOT / "Procfile").read_text(encoding="utf-8")
    for name, command in parse_procfile(procfile).processes.items():
        supervisor.add_process(name, command, env=dict(os.environ), cwd=str(ROOT))
    supervisor.loop()
    return int(supervisor.returncode or 0)


if __name__ == "__main__":
    sys.exit(main())
