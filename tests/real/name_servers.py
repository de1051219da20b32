"""Private name servers for tests: what BIND, Knot and NSD have in common.

    with private_named(Zone("ee.example.org", "pc1 A 192.0.2.1", readers=(key,))) as server:
        server.load("ee.example.org", "pc2 A 192.0.2.2")

`named.py`, `knotd.py` and `nsd.py` say what each is told. All listen on 127.0.0.1 alone, on a
free port, keep everything in a folder of their own, and end with the test.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self, TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.query

from tests.real.parts import require, require_library
from tests.real.processes import accepts, wait_until
from tests.real.services import Server, own_folder
from tests.real.zones import Zone, is_lower

HOST = "127.0.0.1"
LOAD_SECONDS = 30.0
ASK_SECONDS = 0.5
FAKETIME = "faketime/libfaketimeMT.so.1"


@dataclass
class NameServer(ABC):
    """One name server and its zones; `port` is the same for UDP and TCP, and stays.

    `clock` shifts its time, such as "-1h" or "+2d" (libfaketime's offsets).
    """

    program: ClassVar[str]
    package: ClassVar[str]
    address: ClassVar[str] = HOST

    zones: list[Zone]
    folder: Path
    clock: str = ""
    server: Server = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.server = Server(self.folder, self._command, self._serves_all)

    @abstractmethod
    def configuration(self, port: int) -> str:
        """The text of its configuration file."""

    @abstractmethod
    def arguments(self, configuration: Path) -> list[str]:
        """How it is called to stay in the foreground."""

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def pid(self) -> int:
        assert self.server.process is not None, "it does not run"
        return self.server.process.pid

    @property
    def state(self) -> Path:
        """Its own folder for journals and data bases."""
        return self.folder / "state"

    def start(self) -> None:
        """Returns when every zone is served, with its serial. Raises NotReadyError."""
        for zone in self.zones:
            self._write(zone)
        self.state.mkdir(exist_ok=True)
        self.server.start()

    def stop(self) -> None:
        """Its end by SIGTERM: connections are refused from now on."""
        if self.server.process is not None:
            self.resume()
        self.server.stop()

    def kill(self) -> None:
        """Its end without a chance to say anything."""
        os.killpg(self.pid, signal.SIGKILL)
        self.server.stop()

    def pause(self) -> None:
        """From now on it does not answer, and does not refuse either."""
        os.killpg(self.pid, signal.SIGSTOP)
        wait_until(lambda: set(thread_states(self.pid)) == {"T"}, f"{self.program} has stopped")

    def resume(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGCONT)

    def load(
        self,
        name: str,
        body: str,
        serial: int | None = None,
        *,
        view: str = "",
        timeout: float = LOAD_SECONDS,
    ) -> int:
        """Replace a zone's content; return its serial when the server answers with that.

        Without `serial` the next one. Servers dislike a lower serial, and keep what they have:
        then it starts anew without its history, and the old content is gone as well.
        """
        zone = self.zone(name, view)
        lowered = serial is not None and is_lower(serial, zone.serial)
        zone.body, zone.serial = body, (zone.serial + 1) % 2**32 if serial is None else serial
        if self.server.process is None:
            return zone.serial
        if lowered:
            self.stop()
            self.forget()
            self.start()
            return zone.serial
        self._write(zone)
        os.kill(self.pid, signal.SIGHUP)
        if zone.served:
            wait_until(
                lambda: self.serves(zone),
                f"{self.program}: {name} {zone.serial}",
                process=self.server.process,
                timeout=timeout,
            )
        return zone.serial

    def forget(self) -> None:
        """Throw its history away; for a server that is stopped."""
        shutil.rmtree(self.state, ignore_errors=True)
        for left in self.folder.glob("*.zone.*"):
            left.unlink()

    def zone(self, name: str, view: str = "") -> Zone:
        return next(zone for zone in self.zones if (zone.name, zone.view) == (name, view))

    def file(self, zone: Zone) -> Path:
        """Its master file; RFC 2317 names hold a slash, so files are numbered."""
        return self.folder / f"{self.zones.index(zone)}.zone"

    def serves(self, zone: Zone) -> bool:
        """Whether it answers for the zone with authority and this serial, right now."""
        return self.serial(zone) == zone.serial

    def serial(self, zone: Zone) -> int | None:
        """The serial that it says; None where it does not answer with authority."""
        return self._ask_serial(zone, self.port)

    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def _serves_all(self, port: int) -> bool:
        wanted = [zone for zone in self.zones if zone.served]
        # A closed port refuses by TCP at once; by UDP it is only silent
        return accepts(port) and all(self._ask_serial(zone, port) == zone.serial for zone in wanted)

    def _ask_serial(self, zone: Zone, port: int) -> int | None:
        """By UDP and by TCP: a server that reloads may answer them from different processes."""
        query = dns.message.make_query(f"{zone.name}.", "SOA")
        if zone.view and zone.readers:
            query.use_tsig(zone.readers[0].tsig())
        serials = set()
        for ask in (dns.query.udp, dns.query.tcp):
            try:
                reply = ask(query, HOST, port=port, timeout=ASK_SECONDS)
            except (OSError, dns.exception.DNSException):
                return None
            if not reply.answer or not reply.flags & dns.flags.AA:
                return None
            serials.add(int(reply.answer[0][0].serial))
        return serials.pop() if len(serials) == 1 else None

    def _write(self, zone: Zone) -> None:
        """The file appears whole, and newer than what the server has read."""
        file = self.file(zone)
        text = zone.text()
        if file.exists() and file.read_text("utf-8") == text:
            return
        new = file.with_suffix(".new")
        new.write_text(text, "utf-8")
        now = time.time_ns()  # the kernel's own stamps lag behind by a tick
        os.utime(new, ns=(now, now))
        new.replace(file)

    def _command(self, port: int) -> list[str]:
        configuration = self.folder / "configuration"
        configuration.write_text(self.configuration(port), "utf-8")
        command = [require(self.program, self.package), *self.arguments(configuration)]
        if not self.clock:
            return command
        # Waiting goes by the monotonic clock. BIND's jemalloc asks for the time before the library
        # can say it, and hangs: with the C library before it, that one allocates.
        shifted = ["FAKETIME_DONT_FAKE_MONOTONIC=1", f"FAKETIME={self.clock}"]
        return [
            "env",
            f"LD_PRELOAD={require_library(FAKETIME, 'libfaketime')}:libc.so.6",
            *shifted,
            *command,
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            error.add_note(f"{self.program} said:\n{self.log()[-3000:]}")
        self.stop()


def thread_states(group: int) -> Iterator[str]:
    """The kernel's letter for each thread of a process group (proc(5))."""
    for file in Path("/proc").glob("[0-9]*/task/*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            state, _parent, its_group = file.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group:
                yield state


S = TypeVar("S", bound=NameServer)


@contextlib.contextmanager
def private(kind: type[S], zones: Sequence[Zone], clock: str = "") -> Iterator[S]:
    """A started name server in a folder of its own."""
    require(kind.program, kind.package)
    with own_folder(kind.program, None) as folder, kind(list(zones), folder, clock) as server:
        yield server
