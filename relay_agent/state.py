"""What the agent keeps over a restart: the last verified snapshot as it came, and the clock.

And the locks that keep a second agent away from the same folders.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relay_agent.clock import NEVER_HEARD, Heard
from relay_agent.deadlines import Now
from relay_agent.files import MODE, replace_file

logger = logging.getLogger("relay_agent.agent")

SNAPSHOT = "snapshot"
CLOCK = "clock.json"
AGENT_LOCK = ".agent"  # beside the writers' lock: this one is held for as long as the agent runs
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
CLOCK_STEP = 0.05  # seconds; a smaller change of the service's clock is not worth a write
CLOCK_SECONDS = 60.0


class InUseError(Exception):
    """Another agent works in this folder."""


@contextmanager
def only_agent(folder: Path) -> Iterator[None]:
    """Be the only agent in `folder`. Raises InUseError, OSError.

    The kernel lets go of it when the agent dies, however it dies.
    """
    fd = os.open(folder / AGENT_LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise InUseError(f"another agent is at work in {folder}; only one may be") from error
    try:
        yield
    finally:
        os.close(fd)


def this_boot() -> str:
    return BOOT_ID.read_text(encoding="ascii").strip()


class State:
    """The state folder. `boot_id` names this boot."""

    def __init__(self, folder: Path, boot_id: str) -> None:
        self.folder = folder
        self.boot_id = boot_id
        self.saved: tuple[Heard, float] | None = None

    def load_snapshot(self) -> bytes | None:
        """The bytes stored last; whoever reads them verifies them again. None: there are none."""
        try:
            return (self.folder / SNAPSHOT).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("the last snapshot is lost: %s", error)
            return None

    def save_snapshot(self, data: bytes) -> None:
        """Raises OSError, MissingFolderError; then the old one is still whole."""
        replace_file(self.folder / SNAPSHOT, data)

    def load_clock(self) -> Heard:
        """What is still true of the service's clock: after a boot, only that it went on since."""
        try:
            found = json.loads((self.folder / CLOCK).read_bytes())
            time, offset, signed = (_number(found[name]) for name in ("time", "offset", "signed"))
            boot_id, issued_at = found["boot_id"], int(found["issued_at"])
        except FileNotFoundError:
            return Heard()
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("the stored clock is lost: %s", error)
            return Heard()
        if boot_id == self.boot_id:
            return Heard(offset, signed, issued_at)
        return Heard(signed=time, issued_at=issued_at)

    def save_clock(self, heard: Heard, now: Now) -> None:
        """Where it is worth a write. Raises OSError, MissingFolderError."""
        if not self._is_news(heard, now):
            return
        content = {
            "boot_id": self.boot_id,
            "time": _or_none(heard.service_time(now.boot)),
            "offset": _or_none(heard.offset),
            "signed": _or_none(heard.signed),
            "issued_at": heard.issued_at,
        }
        replace_file(self.folder / CLOCK, json.dumps(content).encode("ascii"))
        self.saved = heard, now.boot

    def _is_news(self, heard: Heard, now: Now) -> bool:
        if self.saved is None:
            return True
        before, saved_at = self.saved
        step = abs(heard.service_time(0) - before.service_time(0))
        return step > CLOCK_STEP or now.boot - saved_at >= CLOCK_SECONDS


def _number(value: object) -> float:
    """JSON has no infinity: null stands for never heard."""
    if value is None:
        return NEVER_HEARD
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _or_none(value: float) -> float | None:
    return None if value == NEVER_HEARD else value
