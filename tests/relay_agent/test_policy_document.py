"""What docs/relay-policy.md tells relay administrators to write works as it stands there."""

from __future__ import annotations

import configparser
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay_agent.policy import PolicyServer, View
from relay_agent.policy.judge import PERMIT, RCPT
from relay_agent.snapshot import Limits
from tests.real.postfix import CLIENT, PrivatePostfix
from tests.relay_agent.policy import policy_service
from tests.relay_agent.policy_client import view

pytestmark = pytest.mark.postfix
DOCUMENT = Path(__file__).parents[2] / "docs" / "relay-policy.md"
SOCKET = "unix:/run/smtp-whitelist-agent/policy"
INET = "inet:127.0.0.1:8553"
LIMITER = "inet:127.0.0.1:8552"
OTHER = "127.0.0.6"
FOREIGN = "somebody@elsewhere.example"
OWN_LIMIT_OFF = {"smtpd_client_message_rate_limit": "0"}


def snippet(number: int, replaced: dict[str, str]) -> str:
    """The document's nth block of main.cf, with places of ours for its places."""
    blocks = re.findall(
        r"^```main\.cf\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    text: str = blocks[number]
    for place, ours in replaced.items():
        assert place in text
        text = text.replace(place, ours)
    return text


@contextmanager
def agent(listen: str, seen: View, normal: Limits | None = None) -> Iterator[str]:
    server = PolicyServer(listen, lambda: seen, normal or Limits())
    server.start()
    try:
        yield server.where
    finally:
        server.stop()


@pytest.fixture
def listen(tmp_path: Path) -> str:
    tmp_path.chmod(0o755)  # smtpd runs as postfix
    return f"unix:{tmp_path}/policy"


def test_before_a_limiter_it_exempts_and_does_not_open_the_relay(listen: str) -> None:
    with policy_service() as port, agent(listen, view(CLIENT)):
        text = snippet(0, {SOCKET: listen, LIMITER: f"inet:127.0.0.1:{port}"})
        with PrivatePostfix(OWN_LIMIT_OFF, text) as relay:
            assert relay.send(CLIENT).accepted
            assert relay.send(CLIENT, FOREIGN).code == 554
            assert relay.send(OTHER).code == 450


@pytest.mark.parametrize(("number", "place"), [(1, SOCKET), (2, INET)], ids=["unix", "inet"])
def test_as_the_limiter_it_limits_by_either_limit(listen: str, number: int, place: str) -> None:
    asked = listen if place == SOCKET else "inet:127.0.0.1:0"
    seen = view(CLIENT, limits=Limits(per_hour=3))
    with (
        agent(asked, seen, Limits(per_hour=1)) as where,
        PrivatePostfix(OWN_LIMIT_OFF, snippet(number, {place: where})) as relay,
    ):
        assert [relay.send(CLIENT).code for _ in range(4)] == [250, 250, 250, 450]
        assert [relay.send(OTHER).code for _ in range(2)] == [250, 450]
        assert relay.send(CLIENT, FOREIGN).code == 554


@pytest.mark.parametrize("number", [0, 1, 2])
def test_without_the_agent_mail_flows_about_a_second_later(listen: str, number: int) -> None:
    with policy_service() as port:
        text = snippet(number, {})
    text = text.replace(SOCKET, listen).replace(INET, f"inet:127.0.0.1:{port}")
    text = text.replace(LIMITER, f"inet:127.0.0.1:{port}, retry_delay=1s, try_limit=1")
    with PrivatePostfix(OWN_LIMIT_OFF, text) as relay:
        start = time.monotonic()
        assert relay.send(CLIENT).accepted
        assert 0.5 < time.monotonic() - start < 4


def test_the_document_says_what_is_answered_and_how_it_is_configured() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert f"`{PERMIT[RCPT]}`" in text
    parser = configparser.ConfigParser()
    parser.read_string(re.findall(r"```ini\n(.*?)```", text, re.DOTALL)[0])
    assert dict(parser["policy"]) == {
        "listen": SOCKET,
        "normal_per_hour": "0",
        "normal_per_day": "0",
    }
