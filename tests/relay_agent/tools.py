"""Small helpers of these tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from relay_agent.text import IPAddress
from tests.real.parts import require

LATER = 4_000_000_000
LMDB = "smtp_whitelist.lmdb"
MEMORY = Path("/dev/shm")
ENOUGH = 2**30  # bytes

# Few addresses, so that updates meet again; all families, first and last ones too.
ADDRESSES: list[IPAddress] = [
    *map(IPv4Address, ["0.0.0.1", "9.9.9.9", "10.0.0.1", "140.114.64.154", "255.255.255.255"]),
    *map(IPv6Address, ["::1", "2001:db8::1", "2001:288:e001::64", "fe80::1", "ffff::ffff"]),
]
entry_sets = st.dictionaries(st.sampled_from(ADDRESSES), st.integers(1, 2**40))


def quick_folder() -> Path | None:
    """A file system in memory, if there is one with room; None: where temporary files go."""
    try:
        free = shutil.disk_usage(MEMORY).free
    except OSError:
        return None
    return MEMORY if free >= ENOUGH and os.access(MEMORY, os.W_OK) else None


QUICK = quick_folder()


def entries(*addresses: str, expiry: int = LATER) -> dict[IPAddress, int]:
    return {ip_address(address): expiry for address in addresses}


def many(count: int, first: int = 0, expiry: int = LATER) -> dict[IPAddress, int]:
    """That many different addresses, every fourth IPv6."""
    base = int(ip_address("10.0.0.0")), int(ip_address("2001:db8::"))
    return {
        ip_address(base[number % 4 == 0] + number): expiry + number
        for number in range(first, first + count)
    }


def seeded(seed: int) -> Random:
    """Chance that repeats itself, so that a failure does."""
    return Random(seed)  # noqa: S311 -- no secret


def as_text(table: dict[IPAddress, int]) -> dict[str, str]:
    return {str(address): str(expiry) for address, expiry in table.items()}


def postmap(etc: Path, *arguments: str) -> str:
    """Run Postfix's own postmap; `etc` is a folder for its main.cf. What it printed."""
    main_cf = etc / "main.cf"
    if not main_cf.exists():
        main_cf.write_text("compatibility_level = 3.6\n")
        os.utime(main_cf, (0, 0))
    command = [require("postmap", "postfix"), "-c", str(etc), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def listed(kind: str, path: Path, etc: Path) -> dict[str, str]:
    """What Postfix's own postmap lists; `path` without suffix."""
    return dict(line.split("\t") for line in postmap(etc, "-s", f"{kind}:{path}").splitlines())
