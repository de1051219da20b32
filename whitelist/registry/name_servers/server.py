"""A name server that we ask."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from whitelist.registry.name_servers.keys import Key


@dataclass(frozen=True)
class Server:
    """Where it listens (an IPv4 or IPv6 address, never a name) and what we sign with.

    Raises `ValueError` where address or port is none.
    """

    address: str
    port: int = 53
    key: Key | None = None

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.address)
        if not 0 < self.port < 65_536:
            raise ValueError(f"not a port: {self.port}")

    def __str__(self) -> str:
        return f"{self.address}#{self.port}"
