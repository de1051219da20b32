"""A zone that we follow from a private name server, for tests of what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.db import connection
from django.utils import timezone

from tests.real.name_server_fixtures import Serve
from tests.real.name_servers import NameServer
from tests.real.zones import Key, key_file
from tests.real.zones import Zone as Served
from whitelist.audit import SYSTEM
from whitelist.models.host import Host
from whitelist.models.sync_run import SyncRun, SyncTrigger
from whitelist.models.zone import Zone, ZoneKind, ZoneServer, ZoneSource
from whitelist.registry.following.sync import Limits, do_sync_zone

NAME = "ee.nthu.edu.tw"
EMPTY, SMALL = "empty.nthu.edu.tw", "small.nthu.edu.tw"
SERIAL = 10  # what the servers have; what we hold is older
KEY, UNKNOWN = Key("transfer.ee"), Key("stranger")
WRONG_SECRET = Key(KEY.name)
SERVED = "".join(f"pc{number} A 10.0.{number // 250}.{number % 250 + 1}\n" for number in range(600))
SMALL_BODY = "".join(f"pc{number} A 10.1.0.{number}\n" for number in range(1, 6))
QUICK = Limits(ask=1.0, stall=0.5, transfer=3.0)
RETRY = timedelta(seconds=900)


@dataclass
class Followed:
    """A zone that we follow, with five hosts at serial 9, and a way to spoil things."""

    server: NameServer
    keys_file: Path
    zone: Zone = field(init=False)
    limits: Limits = QUICK

    def __post_init__(self) -> None:
        self.keys_file.write_text(key_file(KEY, UNKNOWN))
        self.zone = loaded_zone(NAME)
        self.ask(self.server.port)

    def ask(self, *ports: int, key: str = KEY.name) -> None:
        """Set the servers to ask, in this order."""
        self.zone.servers.all().delete()
        for position, port in enumerate(ports):
            ZoneServer.objects.create(
                zone=self.zone, address="127.0.0.1", port=port, key_name=key, position=position
            )

    def sync(
        self, trigger: SyncTrigger = SyncTrigger.SCHEDULE, *, at: datetime | None = None
    ) -> SyncRun:
        """In another thread; what we hold is read all the while, and stays the same."""
        before = hosts()

        def work() -> SyncRun:
            try:
                return do_sync_zone(
                    self.zone, trigger=trigger, actor=SYSTEM, limits=self.limits, at=at
                )
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(work)
            seen = [hosts()]
            while not running.done():
                seen.append(hosts())
                time.sleep(0.02)
            run = running.result()
        assert before in seen
        assert all(one in (before, hosts()) for one in seen)
        return run


def hosts(zone: str = NAME) -> set[tuple[str, str]]:
    return set(Host.objects.filter(zone__name=zone).values_list("address", "name"))


def loaded_zone(name: str, serial: int = SERIAL - 1, count: int = 5) -> Zone:
    """A zone that was read in full just now, and holds the first hosts of what is served."""
    now = timezone.now()
    zone = Zone.objects.create(
        name=name,
        kind=ZoneKind.FORWARD,
        source=ZoneSource.SERVERS,
        serial=serial,
        loaded_at=now,
        first_loaded_at=now,
        full_at=now,
        checked_at=now - timedelta(hours=1),
        hosts_count=count,
    )
    Host.objects.bulk_create(
        Host(zone=zone, address=f"10.0.0.{number + 1}", name=f"pc{number}.{name}")
        for number in range(count)
    )
    return zone


def served(*, signed: bool = True) -> list[Served]:
    who = {"readers": (KEY,)} if signed else {"anyone": True}
    return [
        Served(NAME, SERVED, SERIAL, **who),
        Served(EMPTY, "", SERIAL, **who),
        Served(SMALL, SMALL_BODY, SERIAL, **who),
    ]


def serving(serve_for_module: Serve) -> Callable[[str], NameServer]:
    """Name servers by their kind, each started once; for a fixture of a module."""
    started: dict[str, NameServer] = {}

    def get(kind: str) -> NameServer:
        if kind not in started:
            started[kind] = serve_for_module(kind, *served())
        return started[kind]

    return get
