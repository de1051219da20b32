"""A zone from a private BIND, received and decoded: our reader beside others.

    python -m bench.transfer [--records 65536]

Each reader runs in a process of its own, signed by TSIG, over TCP on this machine. Memory is
the peak beyond what the process had before it began. dnspython is left out of large zones: it
takes minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import dns.name
import dns.query
import dns.rdatatype
import dns.tsig
import dns.xfr
import dns.zone

from tests.real.named import private_named
from tests.real.zones import Key, Zone, key_file
from whitelist.registry.name_servers.keys import read_keys
from whitelist.registry.name_servers.server import Server
from whitelist.registry.name_servers.transfer import fetch

ZONE = "10.in-addr.arpa"
HOST = "127.0.0.1"
DNSPYTHON_LIMIT = 100_000
TIMES = 3


class Took(NamedTuple):
    """Wall clock and processor time, its children's included; peak of memory in MB."""

    seconds: float
    cpu: float
    memory: float
    records: int


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=65_536)
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--keys", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        print(json.dumps(measure(READERS[options.reader], options.port, options.keys)))
        return
    key = Key("bench")
    with (
        tempfile.TemporaryDirectory(prefix="bench-transfer-") as folder,
        private_named(Zone(ZONE, zone_text(options.records), readers=(key,))) as named,
    ):
        keys = Path(folder) / "keys"
        keys.write_text(key_file(key))
        load = f"load {os.getloadavg()[0]:.1f} at the start"
        print(f"transfer of {options.records:,} PTR records, {load}, the best of {TIMES}")
        compare(options.records, named.port, keys)


def zone_text(records: int) -> str:
    return "".join(
        f"{n & 255}.{n >> 8 & 255}.{n >> 16} IN PTR lab-{n:x}z.ee.nthu.edu.tw.\n"
        for n in range(records)
    )


def compare(records: int, port: int, keys: Path) -> None:
    ours = best("ours", port, keys, records)
    for name in READERS:
        tool = name.partition(" ")[0].rstrip(",")
        if tool in {"dig", "kdig"} and shutil.which(tool) is None:
            print(f"  {name}: not installed")
        elif tool == "dnspython" and records > DNSPYTHON_LIMIT:
            print(f"  {name}: left out")
        else:
            took = ours if name == "ours" else best(name, port, keys, records)
            ratio = f"{took.seconds / ours.seconds:.1f} times ours"
            print(
                f"  {name}: {took.seconds:.2f} s ({took.cpu:.2f} CPU),"
                f" {took.memory:.0f} MB" + ("" if name == "ours" else f", {ratio}")
            )


def best(name: str, port: int, keys: Path, records: int) -> Took:
    times = 1 if name.startswith("dnspython") else TIMES
    took = min(in_own_process(name, port, keys) for _ in range(times))
    assert took.records in {0, records}, f"{name} read {took.records} records"
    return took


def in_own_process(name: str, port: int, keys: Path) -> Took:
    command = [sys.executable, "-m", "bench.transfer", "--reader", name, "--port", str(port)]
    done = subprocess.run([*command, "--keys", str(keys)], check=True, stdout=subprocess.PIPE)
    return Took(*json.loads(done.stdout))


Reader = Callable[[int, Path], int]


def measure(reader: Reader, port: int, keys: Path) -> Took:
    memory, cpu, begin = peak_memory(), cpu_seconds(), time.perf_counter()
    records = reader(port, keys)
    seconds = time.perf_counter() - begin
    return Took(seconds, cpu_seconds() - cpu, peak_memory() - memory, records)


def cpu_seconds() -> float:
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(who)[:2]) for who in both)


def peak_memory() -> float:
    """In MB, of this process alone, since it began (`ru_maxrss` remembers its parent's)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def read_ours(port: int, keys: Path) -> int:
    (key,) = read_keys(keys.read_text()).values()
    server = Server(HOST, port, key)
    with fetch(
        server, ZONE, serial=None, deadline=600, stall=10, most_bytes=1_000_000_000
    ) as transfer:
        return sum(1 for record in transfer.records() if record.type == "PTR")


def dig(port: int, keys: Path) -> list[str]:
    options = ["+noall", "+answer", "+onesoa", "-k", str(keys), "-p", str(port)]
    return ["dig", f"@{HOST}", *options, ZONE, "AXFR"]


def run_dig(port: int, keys: Path) -> int:
    subprocess.run(dig(port, keys), check=True, stdout=subprocess.DEVNULL)
    return 0


def parse_dig(port: int, keys: Path) -> int:
    with subprocess.Popen(dig(port, keys), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        return count_parsed(process.stdout)


def count_parsed(lines: Iterable[str]) -> int:
    """Each line to what our reader yields: owner, type, data."""
    count = 0
    for line in lines:
        words = line.split(None, 4)
        if len(words) == 5 and words[3] == "PTR":
            record = (words[0][:-1].lower(), words[3], words[4].rstrip()[:-1].lower())
            count += len(record) == 3
    return count


def run_kdig(port: int, keys: Path) -> int:
    (key,) = read_keys(keys.read_text()).values()
    secret = keys.read_text().split('secret "')[1].split('"')[0]
    command = ["kdig", f"@{HOST}", "-p", str(port), "-y", f"{key.algorithm}:{key.name}:{secret}"]
    subprocess.run([*command, ZONE, "AXFR"], check=True, stdout=subprocess.DEVNULL)
    return 0


def tsig_key(keys: Path) -> dns.tsig.Key:
    (key,) = read_keys(keys.read_text()).values()
    return dns.tsig.Key(key.name, key.secret, key.algorithm)


def read_by_inbound(port: int, keys: Path) -> int:
    zone = dns.zone.Zone(ZONE, relativize=False)
    query, _serial = dns.xfr.make_query(zone, keyring=tsig_key(keys))
    dns.query.inbound_xfr(HOST, zone, query, port=port, timeout=10, lifetime=600)
    return sum(1 for _ in zone.iterate_rdatas(dns.rdatatype.PTR))


def read_by_xfr(port: int, keys: Path) -> int:
    warnings.simplefilter("ignore", DeprecationWarning)
    key = tsig_key(keys)
    keys_by_name = {key.name: key}
    messages = dns.query.xfr(
        HOST, ZONE, port=port, timeout=10, lifetime=600, relativize=False, keyring=keys_by_name
    )
    return sum(
        len(rrset)
        for message in messages
        for rrset in message.answer
        if rrset.rdtype == dns.rdatatype.PTR
    )


READERS: dict[str, Reader] = {
    "ours": read_ours,
    "dig to /dev/null": run_dig,
    "dig, its lines parsed": parse_dig,
    "kdig to /dev/null": run_kdig,
    "dnspython, inbound_xfr into a Zone": read_by_inbound,
    "dnspython, xfr": read_by_xfr,
}


if __name__ == "__main__":
    main()
