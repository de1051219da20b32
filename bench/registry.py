"""The registry at a million hosts: one address looked up, and a zone brought up to date.

    python -m bench.registry [--hosts 1000000] [--postgres] [--peers]

On a database of its own, made on the server of `DATABASE_URL` (else SQLite) and dropped again;
`--postgres` starts a private PostgreSQL. Importing is measured beside the obvious way to write
it, and with `--peers` reading is measured beside other readers of zone files. The whole way from
a name server is `bench.registry_sync`, which this one calls.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import django
import dns.zone
from django.conf import settings
from django.db import connection
from django.utils import timezone

FOLDER = Path(tempfile.mkdtemp(prefix="bench-registry-"))
os.environ.setdefault("SECRET_KEY", "a key for measuring only, as long as a key must be")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whitelist_site.settings")
os.environ["VAR_DIR"] = str(FOLDER)
django.setup()

from tests.real import services  # noqa: E402
from whitelist.addresses import IPAddress, parse_address  # noqa: E402
from whitelist.audit import SYSTEM  # noqa: E402
from whitelist.models import Host, Network, Zone  # noqa: E402
from whitelist.registry.applying.apply import Source, do_apply_hosts  # noqa: E402
from whitelist.registry.lookup import NamePolicy, check_registered, find_network  # noqa: E402
from whitelist.registry.sources.zone_file import ZoneFile  # noqa: E402

SMALL = 65_536
LOOKUPS = 2_000
APEX = "10.in-addr.arpa"
HEADER = "@ 3600 IN SOA ns1.nthu.edu.tw. root.nthu.edu.tw. 1 1h 15m 2w 1h\n@ NS ns1.nthu.edu.tw.\n"
POLICY = NamePolicy(suffixes=("nthu.edu.tw",), series_length=32)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hosts", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true", help="start a private PostgreSQL")
    parser.add_argument("--peers", action="store_true", help="other zone readers too (slow)")
    options = parser.parse_args()
    try:
        if options.postgres:
            again_on_postgres(options.hosts, peers=options.peers)
            return
        with own_database():
            print(f"registry, {connection.vendor}, load {os.getloadavg()[0]:.1f} at the start")
            if options.peers:
                compare_readers()
            compare_imports()
            look_up_among(options.hosts)
            find_networks()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"  peak memory: {peak:,} MB", flush=True)
        run("bench.registry_sync", "--hosts", str(SMALL), "--naive")
        run("bench.registry_sync", "--hosts", str(options.hosts))
    finally:
        shutil.rmtree(FOLDER)


def again_on_postgres(hosts: int, *, peers: bool) -> None:
    with services.postgres() as server:
        options = ["--hosts", str(hosts), *(["--peers"] if peers else [])]
        run("bench.registry", *options, DATABASE_URL=server.url)


def run(module: str, *options: str, **environment: str) -> None:
    command = [sys.executable, "-m", module, *options]
    subprocess.run(command, check=True, env={**os.environ, **environment})


@contextmanager
def own_database() -> Iterator[None]:
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        connection.settings_dict["TEST"]["NAME"] = str(FOLDER / "bench.sqlite3")
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def zone_of(hosts: int, *, called_new: Callable[[int], bool] = lambda _number: False) -> Path:
    """A reverse zone of that many hosts, some of which got a new name."""
    path = FOLDER / f"{hosts}.zone"
    with path.open("w") as file:
        file.write(HEADER)
        for number in range(hosts):
            owner = f"{number & 255}.{number >> 8 & 255}.{number >> 16}"
            name = f"{'new' if called_new(number) else 'lab'}-{number:x}z.ee.nthu.edu.tw."
            file.write(f"{owner} IN PTR {name}\n")
    return path


def one_in_a_hundred(number: int) -> bool:
    return number % 100 == 0


class Took(NamedTuple):
    """Wall clock and processor time of this process: the second holds on a busy machine too."""

    seconds: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s ({self.cpu:.2f} CPU)"


def timed(act: Callable[[], object]) -> Took:
    begin, cpu = time.perf_counter(), time.process_time()
    act()
    return Took(time.perf_counter() - begin, time.process_time() - cpu)


def import_zone(path: Path) -> None:
    with path.open("rb") as file:
        zone = ZoneFile(file, APEX)
        source = Source(zone.outline.apex, zone.outline.kind, serial=zone.outline.serial)
        do_apply_hosts(source, zone.hosts(), actor=SYSTEM, at=timezone.now(), replace=True)


def import_naively(path: Path) -> None:
    """Read into a list, upsert through the ORM, delete what is gone."""
    zone = Zone.objects.get(name=APEX)
    with path.open("rb") as file:
        rows = [(row.address, row.name) for row in ZoneFile(file, APEX).hosts()]
    Host.objects.bulk_create(
        (Host(zone=zone, address=address, name=name) for address, name in rows),
        batch_size=1_000,
        update_conflicts=True,
        unique_fields=["zone", "address", "name"],
        update_fields=["unit", "contact"],
    )
    wanted = set(rows)
    gone = [
        pk
        for pk, address, name in zone.hosts.values_list("pk", "address", "name")
        if (address, name) not in wanted
    ]
    for start in range(0, len(gone), 500):
        Host.objects.filter(pk__in=gone[start : start + 500]).delete()


def compare_imports() -> None:
    old = zone_of(SMALL)
    first, same = timed(lambda: import_zone(old)), timed(lambda: import_zone(old))
    new = zone_of(SMALL, called_new=one_in_a_hundred)
    ours = timed(lambda: import_zone(new))
    old = zone_of(SMALL)
    naive = timed(lambda: import_naively(old))
    print(f"  import {SMALL:,} hosts, reading included: all new {first}, none {same}")
    ratio = naive.seconds / ours.seconds
    print(f"  … 1 % of them renamed: {ours}; by bulk_create {naive}, {ratio:.1f} times that")


def compare_readers() -> None:
    path = zone_of(SMALL)
    print(f"  reading {SMALL:,} hosts: our reader {timed(lambda: read(path))}")
    tool = shutil.which("named-compilezone")
    if tool:
        took = timed(lambda: read(normalised(tool, path)))
        print(f"  … named-compilezone, then our reader: {took}")
    took = timed(lambda: dns.zone.from_file(str(path), APEX, relativize=False))
    print(f"  … dnspython: {took}")


def read(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in ZoneFile(file, APEX).hosts())


def normalised(tool: str, path: Path) -> Path:
    result = FOLDER / "normalised"
    command = [tool, "-i", "none", "-k", "ignore", "-o", str(result), APEX, str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return result


def look_up_among(hosts: int) -> None:
    path = zone_of(hosts)
    took, again = timed(lambda: import_zone(path)), timed(lambda: import_zone(path))
    print(f"  import {hosts:,} hosts: {took}, and again without a change {again}")
    chooser = random.Random(2026)  # noqa: S311
    addresses = [
        parse_address(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
        for n in (chooser.randrange(1, hosts) for _ in range(LOOKUPS))
    ]
    report(f"check_registered among {hosts:,}", addresses, registered)


def registered(address: IPAddress) -> None:
    assert check_registered(address, POLICY, at=timezone.now()).zone == APEX


def find_networks() -> None:
    networks = [Network(cidr=f"10.{n >> 8}.{n & 255}.0/24", kind="static") for n in range(10_000)]
    for network in networks:
        network.set_bounds()
    Network.objects.bulk_create(networks, batch_size=1_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    chooser = random.Random(2026)  # noqa: S311
    inside = [chooser.randrange(10_000) for _ in range(LOOKUPS)]
    addresses = [parse_address(f"10.{n >> 8}.{n & 255}.7") for n in inside]
    report("find_network among 10,000", addresses, lambda a: find_network(a) or sys.exit("?"))
    report("… of an address beyond them all", [parse_address("200.1.1.1")] * 100, find_network)


def report(what: str, addresses: list[IPAddress], act: Callable[[IPAddress], object]) -> None:
    act(addresses[0])
    times = [1_000 * timed(partial(act, address)).seconds for address in addresses]
    print(f"  {what}: median {median(times):.2f} ms, p99 {quantiles(times, n=100)[98]:.2f} ms")


if __name__ == "__main__":
    main()
