"""Killing the service's processes while members open and remove entries."""

from __future__ import annotations

import http.client
import random
import threading
from dataclasses import dataclass, field

from relay_agent.lmdb_table import read_lmdb
from tests.real.member import Member
from tests.real.processes import wait_until
from tests.real.service import Service

VICTIMS = ("web", "worker", "beat")
# A killed web process cuts answers short: the member tries again, as people do.
CUT_SHORT = (OSError, http.client.HTTPException, AssertionError)


@dataclass
class Unrest:
    """Members who open and remove entries, each at a computer of their own, until told to stop."""

    service: Service
    addresses: list[str]
    opened: int = 0
    removed: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        for number, address in enumerate(self.addresses):
            member = Member(self.service, address)
            member.sign_in(f"member{number}")
            thread = threading.Thread(target=self._live, args=[member])
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _live(self, member: Member) -> None:
        while not self._stop.is_set():
            try:
                self._one_step(member)
            except CUT_SHORT:
                self._stop.wait(0.1)

    def _one_step(self, member: Member) -> None:
        state = member.get("/smtp-whitelist/").state
        if state in {"pending", "active", "ending"} and random.random() < 0.7:  # noqa: S311  not a secret
            self.removed += member.remove().state == "ended"
        elif state in {"apply", "ended"}:
            self.opened += member.apply().state in {"pending", "active"}


def kill_at_random(service: Service, kills: int, seed: int) -> list[str]:
    """Kill a random process after a random moment, and start it again; which ones were killed."""
    dice = random.Random(seed)  # noqa: S311  a seed makes a failure repeatable
    killed = []
    pause = threading.Event()
    for _ in range(kills):
        pause.wait(dice.uniform(0.1, 1.5))
        victim = dice.choice(VICTIMS)
        service.kill(victim)
        service.start(victim)
        killed.append(victim)
    return killed


def check_settled(service: Service, timeout: float = 60) -> int:
    """Wait until the table equals what the database says is active; how many that are."""

    def table() -> set[str]:
        path = service.map_folder / "smtp_whitelist.lmdb"
        return {str(address) for address in read_lmdb(path)}

    def nothing_owed() -> bool:
        rows = service.sql("SELECT serial, published_serial FROM whitelist_accessmap")
        return bool(rows[0][0] == rows[0][1])

    service.wait_ready()
    wait_until(nothing_owed, "everything published", timeout=timeout)
    assert table() == service.active_addresses()
    return len(table())
