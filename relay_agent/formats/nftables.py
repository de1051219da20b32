"""Two nftables sets, one a family, whose elements the kernel itself ends.

The file declares the sets and holds no element: a time-out counts from the moment that it is
loaded, so a file with elements that somebody loads later would lengthen them. The elements go to
`nft` directly, all of them in one transaction.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from relay_agent.formats.kinds import STEM, lasting
from relay_agent.programs import find_program
from relay_agent.text import Records

FAMILIES = ("inet", "ip", "ip6", "netdev", "bridge")
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
NFT_SECONDS = 20.0
LARGEST_MS = 86_400_000
LONGEST_SECONDS = 31_536_000  # nft refuses the whole script for a number that is too large
TYPES = {4: "ipv4_addr", 6: "ipv6_addr"}


class NftError(OSError):
    """`nft` is not there, hung, or refused the script; nothing was changed then."""


@dataclass(frozen=True)
class Nftables:
    """The sets `set_name`_v4 and `set_name`_v6 of one table. Raises ValueError for bad names."""

    family: str = "inet"
    table: str = "filter"
    set_name: str = STEM
    name: str = "nftables"

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"{self.family!r} is no nftables family: {', '.join(FAMILIES)}")
        for word in (self.table, self.set_name):
            if not IDENTIFIER.fullmatch(word):
                raise ValueError(f"{word!r} is no name for an nftables table or set")

    @property
    def file_name(self) -> str:
        return f"{STEM}.{self.name}"

    def render(self, records: Records, now: float) -> bytes:
        """The declarations, to be included by the rules; the same whatever the records."""
        lines = [f"add table {self.family} {self.table}"]
        lines += [
            f"add set {self._set(version)} {{ type {kind}; flags timeout; }}"
            for version, kind in TYPES.items()
        ]
        return "".join(f"{line}\n" for line in lines).encode("ascii")

    def script(self, records: Records, now: float) -> bytes:
        """Makes the sets hold exactly what lasts at `now`, each element as long as it lasts.

        Time-outs are rounded down; one of 0 would be for ever, so that is left out.
        """
        elements: dict[int, list[str]] = {version: [] for version in TYPES}
        for address, expiry in lasting(records, now):
            left = int((expiry - now) * 1000)
            if left > 0:
                elements[address.version].append(f"{address} timeout {_time_out(left)}")
        parts = [self.render(records, now).decode("ascii")]
        for version, items in elements.items():
            parts.append(f"flush set {self._set(version)}\n")
            if items:
                parts.append(f"add element {self._set(version)} {{ {', '.join(items)} }}\n")
        return "".join(parts).encode("ascii")

    def apply(self, records: Records, now: float) -> None:
        """Raises NftError; the sets are then as they were, and still end by themselves."""
        run_nft(self.script(records, now))

    def _set(self, version: int) -> str:
        return f"{self.family} {self.table} {self.set_name}_v{version}"


def _time_out(left: int) -> str:
    """Milliseconds as nft reads them: no large number of them, so then seconds; at most a year."""
    return f"{left}ms" if left < LARGEST_MS else f"{min(left // 1000, LONGEST_SECONDS)}s"


def run_nft(script: bytes) -> None:
    """Load a script, all or nothing. Needs CAP_NET_ADMIN. Raises NftError."""
    path = find_program("nft")
    if path is None:
        raise NftError("nft is not installed: apt install nftables")
    try:
        done = subprocess.run(
            [path, "-f", "-"], input=script, capture_output=True, check=False, timeout=NFT_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise NftError(f"nft did not end within {NFT_SECONDS:g} s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise NftError(f"nft: {said[0][:200]}")
