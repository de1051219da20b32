"""`address__within="140.114.64.0/24"`: addresses of one network, found by the address's index."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db.backends.signals import connection_created
from django.db.models import Lookup

from whitelist.addresses import IPNetwork, order_key, parse_address, parse_network

if TYPE_CHECKING:
    AnyLookup = Lookup[Any]
else:
    AnyLookup = Lookup

SQLITE_FUNCTION = "whitelist_address_within"


class Within(AnyLookup):
    """Whether an address lies in a CIDR, given as text or as an `ipaddress` network.

    PostgreSQL turns `<<=` into a range of the index by itself. SQLite stores text: there the
    index finds what begins alike, and a function decides where that is not the whole answer.
    Raises `AddressError` for what is no CIDR.
    """

    lookup_name = "within"
    prepare_rhs = False

    def get_prep_lookup(self) -> str:
        return str(parse_network(str(self.rhs)))

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        if connection.vendor == "postgresql":
            return f"{column} <<= %s::inet", (*params, self.get_prep_lookup())
        found = [text_sql(column, params, piece) for piece in whole_octets(self.get_prep_lookup())]
        sql = " OR ".join(piece for piece, _params in found)
        return f"({sql})", tuple(value for _piece, values in found for value in values)


def whole_octets(cidr: str) -> list[IPNetwork]:
    """An IPv4 network as up to 256 that end with an octet, so that texts alone tell them."""
    network = parse_network(cidr)
    if network.version == 6 or network.prefixlen > 24:
        return [network]
    return list(network.subnets(new_prefix=max(8, -(-network.prefixlen // 8) * 8)))


def text_sql(column: str, params: Any, network: IPNetwork) -> tuple[str, tuple[Any, ...]]:
    beginning, is_exact = common_text(network)
    sql = f"({column} >= %s AND {column} < %s)"
    bounds = (*params, beginning, *params, beginning + chr(0x10FFFF))
    if is_exact:
        return sql, bounds
    return f"({sql} AND {SQLITE_FUNCTION}({column}, %s))", (*bounds, *params, str(network))


def common_text(network: IPNetwork) -> tuple[str, bool]:
    """What the texts of all its addresses begin with, and whether no other text does.

    Only whole octets or groups count; those of IPv6 up to the first that is zero, since a run
    of zeros is not written. `140.114.64.0/23` → (`140.114.`, False).
    """
    bits, separator = (8, ".") if network.version == 4 else (16, ":")
    whole, rest = divmod(network.prefixlen, bits)
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address), False
    groups = str(network.network_address.exploded).split(separator)[:whole]
    if network.version == 6:
        groups = [f"{int(group, 16):x}" for group in groups]
        groups = groups[: groups.index("0")] if "0" in groups else groups
    beginning = "".join(group + separator for group in groups)
    return beginning, network.version == 4 and rest == 0 and whole > 0


def is_within(address: str | None, cidr: str) -> bool | None:
    """The function of SQLite: NULL stays NULL, as with every comparison."""
    if address is None:
        return None
    low, high, is_ipv6 = bounds_of(cidr)
    return (":" in address) == is_ipv6 and low <= order_key(parse_address(address)) <= high


@lru_cache(maxsize=256)
def bounds_of(cidr: str) -> tuple[str, str, bool]:
    network = parse_network(cidr)
    first, last = network.network_address, network.broadcast_address
    return order_key(first), order_key(last), network.version == 6


def add_function(connection: Any, **_kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_function(SQLITE_FUNCTION, 2, is_within, deterministic=True)


# The way Django offers to prepare a connection; it changes no row.
connection_created.connect(add_function, dispatch_uid=SQLITE_FUNCTION)
