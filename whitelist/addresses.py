"""One canonical form of an IP address, and the only parser of one.

Everything that becomes a key of a relay's table passes through `parse_address`.
It is stricter than `ipaddress`, which keeps whatever follows a `%`, and than
Django's own field, which lets new lines and full-width digits through.
"""

from __future__ import annotations

import ipaddress
import re

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# The longest spelling: an IPv6 address that ends in a dotted IPv4 one.
MAX_LENGTH = 45
SPELLING = re.compile(r"[0-9A-Fa-f:.]{2,45}", re.ASCII)
MAPPED_OFFSET = 0xFFFF << 32
IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
IPV6_LOOPBACK = ipaddress.IPv6Address("::1")


class AddressError(ValueError):
    """The text is not the address of one computer, or the CIDR of one network."""


class NotOneComputerError(AddressError):
    """A well-formed address that never is one computer's."""


def parse_address(text: str) -> IPAddress:
    """Parse one address; an IPv4-mapped IPv6 address becomes the IPv4 address.

    Refuses scopes (`%eth0`), white space, leading zeros, digits outside ASCII, and what
    never is one computer: unspecified, multicast, IPv4-compatible and NAT64 addresses.
    `str()` of the result is what `inet_ntop` writes, which is how Postfix looks it up.

    Raises `AddressError`; `NotOneComputerError` for the last kind.
    """
    if not SPELLING.fullmatch(text):
        raise AddressError(f"not an IP address: {text[:60]!r}")
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise AddressError(f"not an IP address: {text[:60]!r}") from error
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if is_never_one_computer(address):
        raise NotOneComputerError(f"not the address of one computer: {address}")
    return address


def is_never_one_computer(address: IPAddress) -> bool:
    if address.is_unspecified or address.is_multicast:
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return int(address) == 0xFFFFFFFF
    return address in NAT64 or (address in IPV4_COMPATIBLE and address != IPV6_LOOPBACK)


def parse_network(text: str) -> IPNetwork:
    """Parse a CIDR such as `140.114.64.0/24`; a set host bit is an error, not rounded away.

    Raises `AddressError`.
    """
    base, slash, length = text.partition("/")
    if not slash or not SPELLING.fullmatch(base) or not re.fullmatch(r"[0-9]{1,3}", length):
        raise AddressError(f"not a network in CIDR form: {text[:60]!r}")
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise AddressError(f"{text[:60]!r}: {error}") from error
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        raise AddressError(f"write {text[:60]!r} as an IPv4 network")
    return network


def order_key(address: IPAddress) -> str:
    """Thirty-two hexadecimal digits that sort as the addresses do, on every database.

    IPv4 sorts as its IPv4-mapped IPv6 form, so one column holds both families.
    """
    number = int(address)
    if isinstance(address, ipaddress.IPv4Address):
        number += MAPPED_OFFSET
    return f"{number:032x}"


def sort_order(address: IPAddress) -> tuple[int, int]:
    """Sort key of the published map: IPv4 first, then numerically."""
    return address.version, int(address)
