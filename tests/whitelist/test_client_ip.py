"""Who is asking? One answer, which no header of the client can change."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from axes.helpers import get_client_ip_address
from axes.models import AccessAttempt
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client, RequestFactory
from django.urls import path
from pytest_django.fixtures import Settings
from python_ipware.modern.defaults import DEFAULT_PRECEDENCE

from whitelist.client_ip import (
    ClientAddressMiddleware,
    UnknownClient,
    client_address,
    client_address_text,
    resolve,
)
from whitelist_site.env import Environment

PROXIES = "10.0.0.1, 192.168.0.0/16, 2001:db8:1::/64, unix"
CLIENT = "140.114.64.154"
PROXY = "10.0.0.1"
NOWHERE = "0.0.0.0"  # noqa: S104
FORGED = "140.114.1.1"


def view(request: HttpRequest) -> HttpResponse:
    """What the code behind the middleware gets to know of the client."""
    return JsonResponse(
        {
            "view": str(client_address(request)),
            "text": client_address_text(request),
            "axes": get_client_ip_address(request),
            "peer": request.META["REMOTE_ADDR"],
            "secure": request.is_secure(),
            "headers": sorted(name for name in request.META if name.startswith("HTTP_")),
        }
    )


def failing_sign_in(request: HttpRequest) -> HttpResponse:
    authenticate(request, username="root", password="wrong")
    return HttpResponse("no")


urlpatterns = [path("who", view), path("sign-in", failing_sign_in)]


@pytest.fixture(autouse=True)
def trusted(settings: Settings) -> None:
    trust(settings, PROXIES, hops=1)
    settings.ROOT_URLCONF = __name__


def ask(url: str, peer: str, headers: dict[str, str]) -> Any:
    """One request of a client or proxy at `peer`, through the whole middleware."""
    meta: dict[str, Any] = {"REMOTE_ADDR": peer, **headers}
    return Client(**meta).post(url)


def trust(settings: Settings, proxies: str, *, hops: int) -> None:
    environment = Environment({"TRUSTED_PROXIES": proxies})
    settings.TRUSTED_PROXIES = environment.trusted_proxies("TRUSTED_PROXIES")
    settings.TRUSTED_HOPS = hops


# peer, X-Forwarded-For (None: not sent), hops → the client's address, or None: refused
HEADERS: list[tuple[str, str | None, int, str | None]] = [
    # a direct client is its peer, whatever it says
    (CLIENT, None, 1, CLIENT),
    (CLIENT, FORGED, 1, CLIENT),
    (CLIENT, f"{FORGED}, {PROXY}", 1, CLIENT),
    (CLIENT, "", 1, CLIENT),
    (CLIENT, "garbage\r\nX: y", 1, CLIENT),
    (CLIENT, FORGED, 3, CLIENT),
    ("::1", FORGED, 1, "::1"),
    ("2001:db8:2::5", FORGED, 1, "2001:db8:2::5"),
    ("2001:DB8:2:0::5", FORGED, 1, "2001:db8:2::5"),
    ("::ffff:140.114.64.154", None, 1, CLIENT),
    ("::ffff:140.114.64.154", FORGED, 1, CLIENT),
    ("10.0.0.2", FORGED, 1, "10.0.0.2"),
    ("192.169.0.1", FORGED, 1, "192.169.0.1"),
    ("2001:db8:1:1::1", FORGED, 1, "2001:db8:1:1::1"),
    # a peer that is no address is nobody
    ("garbage", None, 1, None),
    ("garbage", CLIENT, 1, None),
    (NOWHERE, CLIENT, 1, None),
    ("fe80::1%eth0", CLIENT, 1, None),
    ("10.0.0.1:4711", CLIENT, 1, None),
    (" 10.0.0.1", CLIENT, 1, None),
    # one proxy: the rightmost hop, which the proxy wrote
    (PROXY, CLIENT, 1, CLIENT),
    (PROXY, f"{FORGED}, {CLIENT}", 1, CLIENT),
    (PROXY, f"{FORGED},{CLIENT}", 1, CLIENT),
    (PROXY, f"{FORGED} ,\t{CLIENT}", 1, CLIENT),
    (PROXY, f"garbage, {CLIENT}", 1, CLIENT),
    (PROXY, f"{FORGED}, {FORGED}, {FORGED}, {CLIENT}", 1, CLIENT),
    (PROXY, f"{PROXY}, {CLIENT}", 1, CLIENT),
    (PROXY, f"{FORGED}, {PROXY}", 1, PROXY),
    (PROXY, f"{FORGED}\r\n, {CLIENT}", 1, CLIENT),
    (PROXY, f", , {CLIENT}", 1, CLIENT),
    (PROXY, "2001:db8:2::5", 1, "2001:db8:2::5"),
    (PROXY, "2001:DB8:2:0:0::5", 1, "2001:db8:2::5"),
    (PROXY, "::ffff:140.114.64.154", 1, CLIENT),
    (PROXY, "::1", 1, "::1"),
    (PROXY, "127.0.0.1", 1, "127.0.0.1"),
    ("::ffff:10.0.0.1", CLIENT, 1, CLIENT),
    ("192.168.255.255", CLIENT, 1, CLIENT),
    ("2001:db8:1::7", CLIENT, 1, CLIENT),
    ("2001:db8:1::7", f"{FORGED}, 2001:db8:2::5", 1, "2001:db8:2::5"),
    # a Unix socket has no peer's address
    ("", CLIENT, 1, CLIENT),
    ("", f"{FORGED}, {CLIENT}", 1, CLIENT),
    ("", "2001:db8:2::5", 1, "2001:db8:2::5"),
    ("", None, 1, None),
    ("", "", 1, None),
    # what a proxy must not send
    (PROXY, None, 1, None),
    (PROXY, "", 1, None),
    (PROXY, " ", 1, None),
    (PROXY, ",", 1, None),
    (PROXY, f"{CLIENT},", 1, None),
    (PROXY, f"{CLIENT}, ", 1, None),
    (PROXY, "unknown", 1, None),
    (PROXY, "_hidden", 1, None),
    (PROXY, f"{CLIENT}:4711", 1, None),
    (PROXY, "[2001:db8:2::5]", 1, None),
    (PROXY, "[2001:db8:2::5]:4711", 1, None),
    (PROXY, '"[2001:db8:2::5]"', 1, None),
    (PROXY, f"for={CLIENT}", 1, None),
    (PROXY, "fe80::1%eth0", 1, None),
    (PROXY, "2001:db8:2::5%\r\nOK", 1, None),
    (PROXY, f"{CLIENT}\r\n", 1, None),
    (PROXY, f"{CLIENT}\n{FORGED}", 1, None),
    (PROXY, f"{CLIENT} {FORGED}", 1, None),
    (PROXY, f"{CLIENT};{FORGED}", 1, None),
    (PROXY, f"{CLIENT}\x00", 1, None),
    (PROXY, f"{CLIENT}/32", 1, None),
    (PROXY, "140.114.064.154", 1, None),
    (PROXY, "140.114.64", 1, None),
    (PROXY, "0x8c.114.64.154", 1, None),
    (PROXY, "２.114.64.154", 1, None),
    (PROXY, NOWHERE, 1, None),
    (PROXY, "255.255.255.255", 1, None),
    (PROXY, "224.0.0.1", 1, None),
    (PROXY, "64:ff9b::140.114.64.154", 1, None),
    (PROXY, "::140.114.64.154", 1, None),
    (PROXY, "localhost", 1, None),
    (PROXY, "9" * 5000, 1, None),
    # two and three proxies: the hop that the outermost trusted one saw
    (PROXY, f"{CLIENT}, 192.168.0.9", 2, CLIENT),
    (PROXY, f"{FORGED}, {CLIENT}, 192.168.0.9", 2, CLIENT),
    (PROXY, f"{CLIENT}, 2001:db8:1::9", 2, CLIENT),
    (PROXY, f"{CLIENT}, ::ffff:192.168.0.9", 2, CLIENT),
    (PROXY, f"2001:db8:2::5, {PROXY}", 2, "2001:db8:2::5"),
    ("", f"{FORGED}, {CLIENT}, 192.168.0.9", 2, CLIENT),
    (PROXY, CLIENT, 2, None),
    (PROXY, f"{FORGED}, {CLIENT}", 2, None),
    (PROXY, f"{CLIENT}, garbage", 2, None),
    (PROXY, f"garbage, {PROXY}", 2, None),
    (PROXY, f"{CLIENT}, , {PROXY}", 2, None),
    (PROXY, f"{CLIENT}, 192.168.0.9, 192.168.0.8", 3, CLIENT),
    (PROXY, f"{FORGED}, {CLIENT}, 192.168.0.9, {PROXY}", 3, CLIENT),
    (PROXY, f"{CLIENT}, 192.168.0.9", 3, None),
    (PROXY, f"{CLIENT}, 140.114.2.2, 192.168.0.9", 3, None),
    (PROXY, f"{CLIENT}, 192.168.0.9, 140.114.2.2", 3, None),
]


def test_the_table_holds_at_least_sixty_rows() -> None:
    assert len(set(HEADERS)) == len(HEADERS) >= 60


@pytest.mark.parametrize(("peer", "forwarded_for", "hops", "client"), HEADERS)
def test_everything_behind_the_middleware_sees_the_one_address(
    settings: Settings,
    peer: str,
    forwarded_for: str | None,
    hops: int,
    client: str | None,
) -> None:
    settings.TRUSTED_HOPS = hops
    headers = {} if forwarded_for is None else {"HTTP_X_FORWARDED_FOR": forwarded_for}
    answer = ask("/who", peer, headers)
    if client is None:
        assert answer.status_code == 400
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        return
    assert answer.status_code == 200
    seen = answer.json()
    assert {seen["view"], seen["text"], seen["axes"], seen["peer"]} == {client}
    assert "HTTP_X_FORWARDED_FOR" not in seen["headers"]


OTHER_HEADERS = sorted(
    {name for name in DEFAULT_PRECEDENCE if name not in {"REMOTE_ADDR", "HTTP_X_FORWARDED_FOR"}}
    | {
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_FORWARDED_PORT",
        "HTTP_X_FORWARDED_SERVER",
        "HTTP_X_FORWARDED_CLIENT_IP",
        "HTTP_X_ORIGINAL_FORWARDED_FOR",
        "HTTP_X_ORIGINATING_IP",
        "HTTP_X_REMOTE_IP",
        "HTTP_X_REMOTE_ADDR",
        "HTTP_REMOTE_ADDR",
        "HTTP_VIA",
    }
)


def test_there_are_more_than_thirty_other_headers_to_ignore() -> None:
    assert len(OTHER_HEADERS) > 33


@pytest.mark.parametrize("peer", [CLIENT, PROXY, ""])
@pytest.mark.parametrize("header", OTHER_HEADERS)
def test_every_other_header_is_ignored_and_goes_no_further(header: str, peer: str) -> None:
    request = RequestFactory().get("/who", REMOTE_ADDR=peer)
    request.META[header] = FORGED
    request.META["HTTP_X_FORWARDED_FOR"] = CLIENT
    seen: list[HttpRequest] = []

    def look(passed: HttpRequest) -> HttpResponse:
        seen.append(passed)
        return view(passed)

    ClientAddressMiddleware(look)(request)
    assert client_address_text(seen[0]) == CLIENT
    assert header not in seen[0].META
    assert FORGED not in map(str, seen[0].META.values())


@pytest.mark.parametrize("header", ["HTTP_USER_AGENT", "HTTP_HOST", "HTTP_ACCEPT_LANGUAGE"])
def test_headers_that_name_no_address_pass(header: str) -> None:
    answer = ask("/who", CLIENT, {header: "testserver"})
    assert header in answer.json()["headers"]


def test_two_headers_joined_by_the_server_read_as_one() -> None:
    client, told = resolve(PROXY, ",".join([FORGED, CLIENT]))
    assert (str(client), told) == (CLIENT, True)


@pytest.mark.parametrize(
    ("peer", "https"), [(PROXY, True), ("", True), (CLIENT, False), ("10.0.0.2", False)]
)
def test_only_a_trusted_proxy_says_that_the_client_came_by_https(
    settings: Settings, peer: str, https: bool
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    told = {"HTTP_X_FORWARDED_FOR": CLIENT, "HTTP_X_FORWARDED_PROTO": "https"}
    assert ask("/who", peer, told).json()["secure"] is https


@pytest.mark.parametrize("peer", ["", "10.0.0.1"])
def test_without_trusted_proxies_nobody_is_believed(settings: Settings, peer: str) -> None:
    trust(settings, "", hops=1)
    if peer:
        assert resolve(peer, CLIENT) == (ipaddress.ip_address(peer), False)
    else:
        with pytest.raises(UnknownClient):
            resolve(peer, CLIENT)


def test_a_socket_is_believed_only_where_unix_is_named(settings: Settings) -> None:
    trust(settings, "10.0.0.1", hops=1)
    with pytest.raises(UnknownClient):
        resolve("", CLIENT)


@pytest.mark.django_db
@pytest.mark.parametrize(("peer", "client"), [(CLIENT, CLIENT), (PROXY, "140.114.9.9")])
def test_a_failed_sign_in_is_counted_for_the_same_address(peer: str, client: str) -> None:
    forwarded = {"HTTP_X_FORWARDED_FOR": "140.114.9.9", "HTTP_X_REAL_IP": FORGED}
    ask("/sign-in", peer, forwarded)
    assert list(AccessAttempt.objects.values_list("ip_address", flat=True)) == [client]


def test_the_middleware_comes_first_of_all(settings: Settings) -> None:
    assert settings.MIDDLEWARE[0] == "whitelist.client_ip.ClientAddressMiddleware"
