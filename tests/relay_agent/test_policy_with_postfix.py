"""What a real Postfix makes of the answers, and of an agent that gives none."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay_agent.policy import PolicyServer, View
from relay_agent.snapshot import Limits
from tests.real.postfix import CLIENT, PrivatePostfix, Session
from tests.relay_agent.policy import policy_service
from tests.relay_agent.policy_client import LATER, SERVICE, view

pytestmark = pytest.mark.postfix
OTHER = "127.0.0.6"
FOREIGN = "somebody@elsewhere.example"
OWN_LIMIT_OFF = {"smtpd_client_message_rate_limit": "0"}
LINK = f"{SERVICE}/smtp-whitelist/"


@pytest.fixture
def listen(tmp_path: Path) -> str:
    tmp_path.chmod(0o755)  # smtpd runs as postfix
    return f"unix:{tmp_path}/policy"


@contextmanager
def agent(
    listen: str, seen: View | Callable[[], View], normal: Limits | None = None
) -> Iterator[PolicyServer]:
    server = PolicyServer(
        listen, (lambda: seen) if isinstance(seen, View) else seen, normal or Limits()
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


def asked(listen: str, timeout: str = "2s") -> str:
    return f"check_policy_service {{ {listen}, timeout={timeout}, default_action=DUNNO }}"


def recipients(session: Session, *names: str) -> list[int]:
    """One message to several; the reply to each RCPT."""
    session.smtp.mail("sender@example.org")
    codes = [session.smtp.rcpt(f"{name}@example.net")[0] for name in names]
    session.smtp.docmd("RSET")
    return codes


@pytest.mark.parametrize(
    "place",
    [
        "smtpd_client_restrictions",
        "smtpd_sender_restrictions",
        "smtpd_recipient_restrictions",
        "smtpd_data_restrictions",
        "smtpd_end_of_data_restrictions",
    ],
)
def test_an_exempt_client_passes_the_limiter_behind_it(listen: str, place: str) -> None:
    with agent(listen, view(CLIENT)) as server, policy_service() as port:
        behind = f"{asked(listen)}, check_policy_service inet:127.0.0.1:{port}"
        with PrivatePostfix(OWN_LIMIT_OFF | {place: behind}) as relay:
            assert [relay.send(CLIENT).code for _ in range(2)] == [250, 250]
            assert relay.send(OTHER).code == 450
        assert server.counts() == {CLIENT: (2, 2)}


def test_standing_in_every_list_it_counts_a_recipient_once(listen: str) -> None:
    lists = ["client", "helo", "sender", "relay", "recipient", "data", "end_of_data"]
    places = {f"smtpd_{name}_restrictions": asked(listen) for name in lists}
    places["smtpd_relay_restrictions"] += ", reject_unauth_destination"
    with agent(listen, view(CLIENT, limits=Limits(per_hour=2))) as server:
        with PrivatePostfix(OWN_LIMIT_OFF | places) as relay:
            assert [relay.send(CLIENT).code for _ in range(3)] == [250, 250, 450]
        assert server.counts() == {CLIENT: (2, 2)}


@pytest.mark.parametrize("mynetworks", ["", "127.0.0.5"], ids=["strange", "of our networks"])
def test_it_does_not_open_the_relay_wherever_it_stands(listen: str, mynetworks: str) -> None:
    one_list = f"{asked(listen)}, reject_unauth_destination"
    settings = {
        "smtpd_relay_restrictions": "",
        "smtpd_recipient_restrictions": one_list,
        "default_transport": "discard:",
        "mynetworks": mynetworks,
    }
    with agent(listen, view(CLIENT)), PrivatePostfix(OWN_LIMIT_OFF | settings) as relay:
        assert relay.send(CLIENT, FOREIGN).code == (250 if mynetworks else 554)
        assert relay.send(CLIENT).accepted


def test_postfixs_own_limit_is_not_lifted_by_it(listen: str) -> None:
    with (
        agent(listen, view(CLIENT)),
        PrivatePostfix({"smtpd_recipient_restrictions": asked(listen)}) as relay,
    ):
        relay.throttle(CLIENT)


def test_beyond_the_raised_limit_a_client_is_told_so_and_what_passed_is_delivered(
    listen: str,
) -> None:
    settings = OWN_LIMIT_OFF | {"smtpd_recipient_restrictions": asked(listen)}
    with (
        agent(listen, view(CLIENT, limits=Limits(per_hour=3)), Limits(per_hour=1)),
        PrivatePostfix(settings) as relay,
        relay.session(CLIENT) as session,
    ):
        assert recipients(session, "a", "b", "c", "d", "e") == [250, 250, 250, 450, 450]
        reply = session.send()
        assert reply.code == 450
        assert reply.text.startswith("4.7.1 ")
        assert "the limit is 3 in one hour while whitelisted; there is room again in " in reply.text
        assert reply.text.endswith(f"see {LINK}")
        assert [relay.send(OTHER).code for _ in range(2)] == [250, 450]
        assert relay.send(OTHER).text.endswith(f"it may be lifted for a while at {LINK}")


def test_an_expiry_is_seen_at_the_next_recipient_of_an_open_connection(listen: str) -> None:
    lasts = [True]
    seen = View({CLIENT.encode(): LATER}, Limits(), SERVICE, lambda _key, _value: lasts[0])
    with agent(listen, seen), policy_service() as port:
        behind = f"{asked(listen)}, check_policy_service inet:127.0.0.1:{port}"
        settings = OWN_LIMIT_OFF | {"smtpd_recipient_restrictions": behind}
        with PrivatePostfix(settings) as relay, relay.session(CLIENT) as session:
            session.smtp.mail("sender@example.org")
            assert session.smtp.rcpt("a@example.net")[0] == 250
            lasts[0] = False
            assert session.smtp.rcpt("b@example.net")[0] == 450


def test_a_restarted_agent_is_asked_again_on_an_open_connection(listen: str) -> None:
    with policy_service() as port:
        behind = f"{asked(listen)}, check_policy_service inet:127.0.0.1:{port}"
        settings = OWN_LIMIT_OFF | {"smtpd_recipient_restrictions": behind}
        with PrivatePostfix(settings) as relay, relay.session(CLIENT) as session:
            for _ in range(2):
                with agent(listen, view(CLIENT)):
                    assert session.send().accepted


def test_with_a_try_limit_of_one_an_open_connection_never_asks_a_restarted_agent(
    listen: str,
) -> None:
    once = asked(listen).replace("timeout", "try_limit=1, timeout")
    with policy_service() as port:
        behind = f"{once}, check_policy_service inet:127.0.0.1:{port}"
        settings = OWN_LIMIT_OFF | {"smtpd_recipient_restrictions": behind}
        with PrivatePostfix(settings) as relay, relay.session(CLIENT) as session:
            with agent(listen, view(CLIENT)):
                assert session.send().accepted
            with agent(listen, view(CLIENT)):
                assert [session.send().code for _ in range(3)] == [450] * 3
                assert relay.send(CLIENT).accepted


class Silent(socketserver.BaseRequestHandler):
    """Reads, and never answers."""

    def handle(self) -> None:
        while self.request.recv(4096):
            pass


class Garbage(socketserver.BaseRequestHandler):
    """Answers what no policy service says."""

    def handle(self) -> None:
        while self.request.recv(4096):
            self.request.sendall(b"\0\xff HTTP/1.1 500 OK\n\n")


class Hasty(socketserver.BaseRequestHandler):
    """Closes at once."""

    def handle(self) -> None:
        self.request.recv(1)


@contextmanager
def broken(listen: str, fault: type[socketserver.BaseRequestHandler] | None) -> Iterator[None]:
    """Something that is no good at the agent's place; None: nothing at all."""
    if fault is None:
        yield
        return
    path = listen.removeprefix("unix:")
    with socketserver.ThreadingUnixStreamServer(path, fault) as server:
        server.daemon_threads = True
        server.block_on_close = False
        Path(path).chmod(0o666)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()


FAULTS = {"dead": None, "silent": Silent, "garbage": Garbage, "closing at once": Hasty}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_broken_agent_exempts_nobody_and_stops_no_mail(
    listen: str, fault: type[socketserver.BaseRequestHandler] | None
) -> None:
    """In one list nothing follows it, in the other a limiter that refuses everybody."""
    with broken(listen, fault), policy_service() as port:
        behind = f"{asked(listen, '1s')}, check_policy_service inet:127.0.0.1:{port}"
        settings = OWN_LIMIT_OFF | {"smtpd_data_restrictions": behind}
        with PrivatePostfix(settings) as relay:
            reply = relay.send(CLIENT)
            assert (reply.code, "policy: too much mail" in reply.text) == (450, True)
        settings = {"smtpd_recipient_restrictions": asked(listen, "1s")}
        with PrivatePostfix(settings) as relay:
            assert relay.send(CLIENT).accepted


def test_without_a_default_action_a_dead_agent_is_an_error_for_everybody(listen: str) -> None:
    settings = OWN_LIMIT_OFF | {
        "smtpd_recipient_restrictions": f"check_policy_service {{ {listen}, timeout=1s }}"
    }
    with PrivatePostfix(settings) as relay:
        reply = relay.send(CLIENT)
        assert (reply.code, "4.3.5" in reply.text) == (451, True)
