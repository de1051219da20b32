"""Request → the one client address. The first middleware; nothing behind it sees another.

The address decides whose limit is lifted, so a header is believed only where a trusted
proxy wrote it. django-ipware picks the hop, but never looks at the TCP peer: that guard,
and the strict parsing of what it picks, are here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from python_ipware import IpWare

from whitelist.addresses import AddressError, IPAddress, parse_address

PEER = "REMOTE_ADDR"
FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
# Headers by which a client could tell another story to whatever stands behind us: those that
# servers and libraries are known to read, by the words in their names, with the prefix that
# WSGI gives a client's headers and without it.
FORWARDING_HEADER = re.compile(
    r"FORWARD|(?:CLIENT|CONNECTING|ORIGINATING|REAL|REMOTE|USER)_?(?:IP|ADDR)"
    r"|EXTERNAL_ADDRESS|^HTTP_VIA$"
)
FORWARDED_PROTO = "HTTP_X_FORWARDED_PROTO"
# Asked by machines inside, also from the proxy's own host: nothing there uses an address.
MONITORED = frozenset({"/healthz", "/readyz", "/metrics"})

View = Callable[[HttpRequest], HttpResponse]


class UnknownClient(Exception):
    """The connection, or the proxy's header, names no address that we could trust."""


class ClientAddressMiddleware:
    """Sets `REMOTE_ADDR` to the canonical client address and drops every forwarding header."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        try:
            address, trusted = resolve_for(request)
        except UnknownClient as error:
            # Answered here, in plain text: no page may be rendered for an unknown address.
            return HttpResponseBadRequest(f"{error}\n", content_type="text/plain; charset=utf-8")
        for header in forwarding_headers(meta):
            if not (trusted and header == FORWARDED_PROTO):
                del meta[header]
        meta[PEER] = address
        return self.get_response(request)


def resolve_for(request: HttpRequest) -> tuple[str, bool]:
    """The address as text, and whether a trusted proxy told it. Raises `UnknownClient`.

    For what is monitored, a trusted proxy that passes nobody's request on asks for itself:
    the peer's own address then, empty for a Unix socket.
    """
    peer, forwarded_for = request.META.get(PEER, ""), request.META.get(FORWARDED_FOR)
    if forwarded_for is None and request.path_info in MONITORED and is_trusted(peer):
        return peer, False
    address, trusted = resolve(peer, forwarded_for)
    return str(address), trusted


def is_trusted(peer: str) -> bool:
    proxies = settings.TRUSTED_PROXIES
    if not peer:
        return bool(proxies.unix)
    try:
        address = parse_address(peer)
    except AddressError:
        return False
    return any(address in network for network in proxies.networks)


def forwarding_headers(meta: Iterable[str]) -> list[str]:
    return [
        name
        for name in meta
        if name != PEER and FORWARDING_HEADER.search(name.upper().replace("-", "_"))
    ]


def resolve(peer: str, forwarded_for: str | None) -> tuple[IPAddress, bool]:
    """The client address, and whether a trusted proxy told it.

    `peer` is the TCP peer's address as the server gives it, empty for a Unix socket.
    Raises `UnknownClient`.
    """
    proxies = settings.TRUSTED_PROXIES
    if not peer:
        if not proxies.unix:
            raise UnknownClient("The connection has no address, and its socket is not trusted.")
        return forwarded_client(forwarded_for), True
    try:
        address = parse_address(peer)
    except AddressError as error:
        raise UnknownClient("The connection's address could not be read.") from error
    if any(address in network for network in proxies.networks):
        return forwarded_client(forwarded_for), True
    return address, False


def forwarded_client(forwarded_for: str | None) -> IPAddress:
    """The address that the outermost trusted proxy saw: the TRUSTED_HOPS-th from the right.

    The hops between must be trusted proxies themselves: where one is not, the chain is not
    the one that was configured. Raises `UnknownClient`.
    """
    hops = [hop.strip(" \t") for hop in (forwarded_for or "").split(",")]
    if len(hops) < settings.TRUSTED_HOPS or not hops[-1]:
        raise UnknownClient("The proxy did not say which address it serves.")
    chain = hops[-settings.TRUSTED_HOPS :]
    try:
        client, *between = [parse_address(hop) for hop in chain]
    except AddressError as error:
        raise UnknownClient("The proxy's X-Forwarded-For could not be read.") from error
    networks = settings.TRUSTED_PROXIES.networks
    if not all(any(hop in network for network in networks) for hop in between):
        raise UnknownClient("X-Forwarded-For passed a proxy that is not trusted.")
    confirm_with_ipware(chain, client)
    return client


def confirm_with_ipware(chain: list[str], client: IPAddress) -> None:
    """Ask the library for the same hop: two readings of one header must not differ."""
    ware = IpWare(precedence=(FORWARDED_FOR,), proxy_count=len(chain) - 1)
    found, _trusted = ware.get_client_ip({FORWARDED_FOR: ", ".join(chain)}, strict=True)
    if found is None or parse_address(str(found)) != client:
        raise UnknownClient("The proxy's X-Forwarded-For is ambiguous.")


def client_address(request: HttpRequest) -> IPAddress:
    """The client address of a request that has passed the middleware."""
    return parse_address(request.META[PEER])


def client_address_text(request: HttpRequest) -> str:
    """The same as text, for django-axes."""
    return cast(str, request.META[PEER])
