"""Follows Postfix's log, in a thread: a file over its rotations, or the journal."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from relay_agent.sent.postfix_log import LONGEST, parse_line
from relay_agent.sent.tally import Tally

logger = logging.getLogger("relay_agent.sent")

POLL_SECONDS = 0.25
AGAIN_SECONDS = 2.0
# By facility: units are named differently, and one that has not logged yet matches no pattern.
JOURNAL = (
    "journalctl",
    "--follow",
    "--lines=0",
    "--quiet",
    "--output=short-iso",
    "--facility=mail",
)


class Follower(ABC):
    """Counts what the log says from now on into `tally`, until `stop`."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.stopping = threading.Event()
        self.complaint = ""
        self.thread = threading.Thread(target=self._run, name="sent", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()

    @abstractmethod
    def follow(self) -> None:
        """Hear lines until `stopping`, or until it should be called again. Raises OSError."""

    def hear(self, line: bytes) -> None:
        found = parse_line(line.decode("utf-8", "replace").rstrip("\r"))
        if found is not None:
            self.tally.note(*found)

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.follow()
            except OSError as error:
                self._complain(str(error))
                self.stopping.wait(AGAIN_SECONDS)

    def _complain(self, complaint: str) -> None:
        """Say it once, not every two seconds."""
        if complaint != self.complaint and not self.stopping.is_set():
            logger.warning("what is sent is not counted: %s", complaint)
        self.complaint = complaint


class LogFollower(Follower):
    """A file. What is in it at the start is past; a file that takes its place is read whole."""

    def __init__(self, path: Path, tally: Tally) -> None:
        super().__init__(tally)
        self.path = path
        self.opened: BinaryIO | None = None  # by `start`, at its end

    def start(self) -> None:
        """What is written after this counts, also if the file loses its name at once."""
        with suppress(OSError):  # the thread complains, and tries again
            self.opened = self.path.open("rb")
            self.opened.seek(0, os.SEEK_END)
        super().start()

    def follow(self) -> None:
        first, self.opened = self.opened, None
        with first or self.path.open("rb") as file:
            self.complaint = ""
            lines = Lines()
            while True:
                # Asked before reading: what was written before the rotation is read to its end.
                rotated = self.is_rotated(file)
                if file.tell() > os.fstat(file.fileno()).st_size:
                    file.seek(0)  # copytruncate: it begins anew
                for line in lines.read(file):
                    self.hear(line)
                if rotated or self.stopping.wait(POLL_SECONDS):
                    return

    def is_rotated(self, file: BinaryIO) -> bool:
        """Whether another file has its name now."""
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False  # between renaming and making


class Lines:
    """Cuts what is read into lines; a line that is cut at the end waits for its rest."""

    def __init__(self) -> None:
        self.rest = b""

    def read(self, file: BinaryIO) -> Iterator[bytes]:
        while chunk := file.read(65_536):
            *lines, self.rest = (self.rest + chunk).split(b"\n")
            yield from lines
            if len(self.rest) > LONGEST:
                self.rest = self.rest[: LONGEST + 1]  # longer than any line of Postfix: no line


class JournalFollower(Follower):
    """The journal's lines about mail. Needs to be in the group `systemd-journal` or `adm`."""

    def __init__(self, tally: Tally, command: Sequence[str] = JOURNAL) -> None:
        super().__init__(tally)
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None

    def follow(self) -> None:
        with subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as self.process:
            if self.stopping.is_set():
                self.process.terminate()
            for line in self.process.stdout or ():
                self.hear(line.rstrip(b"\n"))
        raise OSError(f"journalctl ended with status {self.process.returncode}")

    def stop(self) -> None:
        self.stopping.set()
        if self.process is not None:
            self.process.terminate()
        super().stop()


def log_follower(where: str, tally: Tally) -> Follower:
    """Of a file, by its path; or of the `journal`."""
    return JournalFollower(tally) if where == "journal" else LogFollower(Path(where), tally)
