"""One step of `bench.registry_sync`, in a process of its own: its time and its own peak of memory.

    python -m bench.sync_steps STEP PORT ROWS

Settings, the database and the key file come by the environment. Starting Python and Django is
not measured, but their memory is in the peak.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django
import dns.name
import dns.query
import dns.tsig
import dns.xfr
import dns.zone
from django.conf import settings

from bench.transfer import Took, cpu_seconds, dig, peak_memory

django.setup()

from django.db import connection, transaction  # noqa: E402

from whitelist.models import Host, SyncRun, Zone  # noqa: E402
from whitelist.models.sync_run import SyncOutcome, SyncTrigger  # noqa: E402
from whitelist.registry.applying.staging import ADDRESS, COPY, INSERT, TABLES  # noqa: E402
from whitelist.registry.following.sync import do_sync_zone  # noqa: E402
from whitelist.registry.name_servers.keys import read_keys  # noqa: E402
from whitelist.registry.reverse_names import reverse_address  # noqa: E402

BLOCK = 1 << 18
HOST = "127.0.0.1"


def sync(*, full: bool = False) -> SyncRun:
    run = do_sync_zone(Zone.objects.get(), trigger=SyncTrigger.COMMAND, full=full)
    assert run.outcome in {SyncOutcome.APPLIED, SyncOutcome.UNCHANGED}, run.fault_detail
    return run


def ours(_port: int, _rows: Path) -> str:
    return sync().method


def ours_in_full(_port: int, _rows: Path) -> str:
    return sync(full=True).method


def floor(port: int, rows: Path) -> str:
    """The zone by dig into a file, and the same rows, prepared, into an empty table."""
    with rows.with_suffix(".dig").open("wb") as file:
        subprocess.run(dig(port, keys_file()), check=True, stdout=file)
    with connection.cursor() as cursor, transaction.atomic():
        columns = TABLES["staged_host"].format(address=ADDRESS[connection.vendor])
        cursor.execute(f"CREATE TABLE bench_floor {columns}")
        if connection.vendor == "postgresql":
            with rows.open("rb") as file, cursor.copy(COPY.format(table="bench_floor")) as copy:
                while block := file.read(BLOCK):
                    copy.write(block)
        else:
            with rows.open() as file:
                for batch in file:
                    cursor.execute(INSERT.format(table="bench_floor"), [batch])
    return "dig and raw insert"


def naive(port: int, _rows: Path) -> str:
    """dnspython into a zone of objects, the objects into the ORM."""
    (key,) = read_keys(keys_file().read_text()).values()
    signer = dns.tsig.Key(key.name, key.secret, key.algorithm)
    zone = Zone.objects.get()
    content = dns.zone.Zone(dns.name.from_text(zone.name), relativize=False)
    query, _serial = dns.xfr.make_query(content, keyring=signer)
    dns.query.inbound_xfr(HOST, content, query, port=port, timeout=10, lifetime=1_200)
    Host.objects.bulk_create(
        (
            Host(
                zone=zone,
                address=reverse_address(owner.to_text(omit_final_dot=True)),
                name=data.to_text().removesuffix("."),
            )
            for owner, _ttl, data in content.iterate_rdatas("PTR")
        ),
        batch_size=1_000,
        update_conflicts=True,
        unique_fields=["zone", "address", "name"],
        update_fields=["unit", "contact"],
    )
    return "dnspython and bulk_create"


def keys_file() -> Path:
    assert settings.DNS_KEYS_FILE is not None
    return Path(settings.DNS_KEYS_FILE)


STEPS: dict[str, Callable[[int, Path], str]] = {
    "ours": ours,
    "ours-in-full": ours_in_full,
    "floor": floor,
    "naive": naive,
}


def main() -> None:
    step, port, rows = STEPS[sys.argv[1]], int(sys.argv[2]), Path(sys.argv[3])
    connection.ensure_connection()
    cpu, begin = cpu_seconds(), time.perf_counter()
    how = step(port, rows)
    took = Took(time.perf_counter() - begin, cpu_seconds() - cpu, peak_memory(), 0)
    print(json.dumps([how, took]))


if __name__ == "__main__":
    main()
