"""A zone from a private BIND to applied: ours, the floor below it, and the obvious way.

    python -m bench.registry_sync [--hosts 65536] [--naive]

The floor is `dig` of the zone into a file and a raw insert of the same rows, prepared, into an
empty table without an index. The obvious way is dnspython into objects and `bulk_create`. Each
step runs in a process of its own; peaks of memory are of that process, Django included. The
database is one of its own, on the server of `DATABASE_URL` (else SQLite).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection

from bench.registry import FOLDER, own_database  # sets Django up
from bench.transfer import HOST, ZONE, Took
from tests.real.name_servers import NameServer
from tests.real.named import private_named
from tests.real.zones import Key
from tests.real.zones import Zone as Served
from whitelist.models import Host, HostChange, Zone, ZoneServer
from whitelist.models.zone import ZoneKind, ZoneSource
from whitelist.registry.applying.staging import batches
from whitelist.registry.sources import HostRow

KEY = Key("bench")
ROWS = FOLDER / "rows"
KEYS = FOLDER / "keys"
LOAD_SECONDS = 300.0
Renamed = Callable[[int], bool]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hosts", type=int, default=65_536)
    parser.add_argument("--naive", action="store_true", help="the obvious way too (slow)")
    options = parser.parse_args()
    KEYS.write_text(KEY.statement())
    try:
        served = Served(ZONE, body(options.hosts, nobody), readers=(KEY,))
        with own_database(), private_named(served) as named:
            measure(named, options.hosts, naive=options.naive)
    finally:
        shutil.rmtree(FOLDER)


def measure(named: NameServer, hosts: int, *, naive: bool) -> None:
    print(f"{hosts:,} hosts from BIND to applied, load {os.getloadavg()[0]:.1f} at the start")
    follow(named.port)
    write_rows(hosts)
    floor = step("floor", named)
    told("floor", floor)
    told("all new", step("ours", named), floor)
    told("no change", step("ours", named))
    told("no change, read in full", step("ours-in-full", named), floor)
    load(named, hosts, lambda number: number % (hosts // 11) == 0 and number > 0)
    told("11 renamed", step("ours", named))
    load(named, hosts, lambda number: number % 100 == 1)
    told("1 % renamed, read in full", step("ours-in-full", named), floor)
    assert HostChange.objects.exists()
    if naive:
        Host.objects.all().delete()
        told("all new", step("naive", named), floor)


def follow(port: int) -> None:
    zone = Zone.objects.create(name=ZONE, kind=ZoneKind.REVERSE, source=ZoneSource.SERVERS)
    ZoneServer.objects.create(zone=zone, address=HOST, port=port, key_name=KEY.name)


def body(hosts: int, renamed: Renamed) -> str:
    return "".join(
        f"{n & 255}.{n >> 8 & 255}.{n >> 16} IN PTR {name(n, renamed)}.\n" for n in range(hosts)
    )


def name(number: int, renamed: Renamed) -> str:
    return f"{'new' if renamed(number) else 'lab'}-{number:x}z.ee.nthu.edu.tw"


def nobody(_number: int) -> bool:
    return False


def load(named: NameServer, hosts: int, renamed: Renamed) -> None:
    named.load(ZONE, body(hosts, renamed), timeout=LOAD_SECONDS)


def write_rows(hosts: int) -> None:
    """As the database takes them fastest: for COPY, or a batch of JSON a line."""
    with ROWS.open("w") as file:
        for batch in batches(rows(hosts)):
            if connection.vendor == "postgresql":
                file.writelines(
                    f"{row.address}\t{row.name}\t\\N\t\\N\t{row.line}\n" for row in batch
                )
            else:
                file.write(json.dumps(batch) + "\n")


def rows(hosts: int) -> Iterator[HostRow]:
    for n in range(hosts):
        address = f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"
        yield HostRow(address, name(n, nobody), None, None, n)


def step(what: str, named: NameServer) -> tuple[str, Took]:
    environment = {**os.environ, "DATABASE_URL": database_url(), "DNS_KEYS_FILE": str(KEYS)}
    command = [sys.executable, "-m", "bench.sync_steps", what, str(named.port), str(ROWS)]
    time.sleep(1)  # PostgreSQL and BIND come to rest
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    how, took = json.loads(done.stdout)
    return how, Took(*took)


def database_url() -> str:
    """Of the database that the connection of this process has."""
    database = str(settings.DATABASES["default"]["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{Path(database)}"
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{database}"


def told(what: str, result: tuple[str, Took], floor: tuple[str, Took] | None = None) -> None:
    how, took = result
    times = f", {took.seconds / floor[1].seconds:.1f} times the floor" if floor else ""
    print(
        f"  {what} ({how}): {took.seconds:.3f} s ({took.cpu:.2f} CPU here),"
        f" peak {took.memory:.0f} MB{times}",
        flush=True,
    )


if __name__ == "__main__":
    main()
