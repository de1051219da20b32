"""How broad a network may be. Pure."""

from __future__ import annotations

from whitelist.addresses import IPNetwork

# One line may not turn half the world into campus: no university holds more than this.
LEAST_PREFIX = {4: 8, 6: 16}


class TooBroadError(ValueError):
    """The network is broader than any that a campus has."""


def check_breadth(network: IPNetwork) -> None:
    """Raises `TooBroadError` with the reason."""
    least = LEAST_PREFIX[network.version]
    if network.prefixlen < least:
        raise TooBroadError(f"{network} is too broad: a /{least} is the broadest")
