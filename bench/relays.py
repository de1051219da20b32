"""From the click on YES, or on REMOVE, to what two relays that follow the service do.

    python -m bench.relays [--times 20] [--poll 1] [--sqlite]

Two private Postfix, each with an agent that polls every second, one service on PostgreSQL and
Redis, one computer a round. The clock starts when the browser's POST leaves and stops when both
relays have changed their mind, on sessions that were open before.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median
from urllib.parse import urlencode

from bench.click_to_exempt import GIVE_UP, settings
from tests.real.member import Member
from tests.real.postfix import Session
from tests.real.processes import wait_until
from tests.real.relay import Relay
from tests.real.service import Service

PAUSE = 0.02  # between two questions at one relay


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--times", type=int, default=20)
    arguments.add_argument("--poll", type=float, default=1.0, help="seconds between two polls")
    arguments.add_argument("--sqlite", action="store_true")
    options = arguments.parse_args()
    with ExitStack() as stack:
        where = stack.enter_context(settings(not options.sqlite))
        service = stack.enter_context(Service(**where))
        addresses = [f"127.0.2.{number}" for number in range(1, options.times + 1)]
        service.register({a: f"pc{a.split('.')[-1]}.ee.nthu.edu.tw" for a in addresses})
        service.allow_many_requests()
        relays = [
            stack.enter_context(Relay(service, name, poll=options.poll)) for name in ("mx1", "mx2")
        ]
        rounds = [measure(service, relays, address) for address in addresses]
    report(options.poll, [first for first, _ in rounds], [second for _, second in rounds])


def measure(service: Service, relays: Sequence[Relay], address: str) -> tuple[float, float]:
    """Milliseconds until exempt at both, and then until limited at both."""
    member = Member(service, address)
    member.sign_in(address.replace(".", "-"))
    for relay in relays:
        relay.postfix.throttle(address)
    with ExitStack() as stack:
        sessions = [stack.enter_context(relay.postfix.session(address)) for relay in relays]
        body = urlencode(member.open_form())
        exempt = until_all(
            sessions, lambda: member.ask("POST", "/smtp-whitelist/", body), accepted=True
        )
        wait_until(lambda: member.get("/smtp-whitelist/").state == "active", "active", timeout=30)
        limited = until_all(sessions, member.remove, accepted=False)
    return exempt, limited


def until_all(sessions: Sequence[Session], act: Callable[[], object], *, accepted: bool) -> float:
    assert all(session.send().accepted is not accepted for session in sessions)
    start = time.perf_counter()
    actor = threading.Thread(target=act)
    actor.start()
    waiting = list(sessions)
    while waiting:
        waiting = [session for session in waiting if session.send().accepted is not accepted]
        passed = time.perf_counter() - start
        assert passed < GIVE_UP, "never"
        time.sleep(PAUSE)
    actor.join()
    return passed * 1000


def report(poll: float, exempt: Sequence[float], limited: Sequence[float]) -> None:
    print(f"Two relays that poll every {poll:g} s, both of them, {len(exempt)} times (ms)")
    for what, values in (("click to exempt", exempt), ("click to limited", limited)):
        print(f"  {what:18} median {median(values):7.0f}   maximum {max(values):7.0f}")


if __name__ == "__main__":
    main()
