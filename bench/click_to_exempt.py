"""From the click on YES to the first message that the relay lets pass.

    python -m bench.click_to_exempt [--times 20] [--postgres]

A real Postfix, the whole service, one computer a round. The clock starts when the browser's
POST leaves, and stops when the relay accepts a message on a session that was throttled until
then. Beside it, in the same run, the floor: the same table written directly, by the same
writer, with nobody asking.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from urllib.parse import urlencode

from relay_agent.install import install
from relay_agent.lmdb_table import read_lmdb
from tests.real import services
from tests.real.member import Member
from tests.real.postfix import PrivatePostfix, Session
from tests.real.service import Service
from whitelist.addresses import parse_address

GIVE_UP = 30.0
SETTLE = 0.3


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--times", type=int, default=20)
    arguments.add_argument("--postgres", action="store_true", help="PostgreSQL and Redis")
    options = arguments.parse_args()
    with settings(options.postgres) as where, Service(**where) as service:
        addresses = [f"127.0.1.{number}" for number in range(1, 2 * options.times + 1)]
        service.register({a: f"pc{a.split('.')[-1]}.ee.nthu.edu.tw" for a in addresses})
        service.allow_many_requests()
        with PrivatePostfix(
            {"smtpd_client_event_limit_exceptions": f"$mynetworks, {service.table}"}
        ) as relay:
            clicks = [click(service, relay, a) for a in addresses[: options.times]]
            floor = [write(service, relay, a) for a in addresses[options.times :]]
    name = "PostgreSQL, Redis" if options.postgres else "SQLite, file broker"
    report(name, clicks, floor)


@contextmanager
def settings(postgres: bool) -> Iterator[dict[str, str]]:
    if not postgres:
        yield {}
        return
    with services.postgres() as database, services.redis() as broker:
        yield {"DATABASE_URL": database.url, "CELERY_BROKER_URL": broker.url}


def click(service: Service, relay: PrivatePostfix, address: str) -> float:
    """Milliseconds from the click until the relay accepts a message."""
    member = Member(service, address)
    member.sign_in(address.replace(".", "-"))
    body = urlencode(member.open_form())
    return measure(relay, address, lambda: member.ask("POST", "/smtp-whitelist/", body))


def write(service: Service, relay: PrivatePostfix, address: str) -> float:
    """The floor: the same writer puts one more entry into the same table."""
    table = service.map_folder / "smtp_whitelist.lmdb"
    entries = {**read_lmdb(table), parse_address(address): int(time.time()) + 3600}
    return measure(relay, address, lambda: install(service.map_folder, ["lmdb"], entries))


def measure(relay: PrivatePostfix, address: str, act: Callable[[], object]) -> float:
    relay.throttle(address)
    with relay.session(address) as session:
        assert session.send().throttled
        time.sleep(SETTLE)
        start = time.perf_counter()
        actor = threading.Thread(target=act)
        actor.start()
        until_accepted(session, start + GIVE_UP)
        passed = time.perf_counter() - start
        actor.join()
    return passed * 1000


def until_accepted(session: Session, deadline: float) -> None:
    while not session.send().accepted:
        assert time.perf_counter() < deadline, "never exempt"


def report(name: str, clicks: Sequence[float], floor: Sequence[float]) -> None:
    print(f"From the click to the first exempt message, {name}, {len(clicks)} times (ms)")
    for what, values in (("whole way", clicks), ("table written directly", floor)):
        print(f"  {what:24} median {median(values):7.1f}   maximum {max(values):7.1f}")
    print(f"  whole way / floor        median {median(clicks) / median(floor):7.1f}")


if __name__ == "__main__":
    main()
