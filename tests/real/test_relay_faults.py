"""What may go wrong with a relay, one thing each, and what its Postfix does all the while.

In each: nobody is exempt more than a second after the expiry, over new connections and over one
that was open all the time; and mail of those who are under the limit is accepted.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from relay_agent.lmdb_table import read_lmdb
from tests.real.parts import DEBIAN_PYTHON, require_debians
from tests.real.processes import stop, wait_until
from tests.real.relay_faults import Relay, Relays
from tests.relay_agent.agents import AGENT, ROOT_FOLDER
from tests.relay_agent.centre import OTHER_KEY, prepare
from tests.relay_agent.test_agent_process import fill

pytestmark = [pytest.mark.postfix, pytest.mark.timeout(300)]

AT_ONCE = 8
GRACE = 1.0  # seconds that an exemption may outlive its expiry
AFTERWARDS = 2.2  # seconds after the expiry that are watched
YEAR = 365 * 86_400


class Fault(NamedTuple):
    """What goes wrong while `ending` has `ends` seconds to go. `before`: before the agent runs."""

    act: Callable[[Relay], None]
    ends: float = 4
    before: Callable[[Relay], None] = lambda _: None


def centre_dead(relay: Relay) -> None:
    relay.centre.stop()


def centre_hangs(relay: Relay) -> None:
    """Packets are lost on the way: it is asked, and nothing comes back."""
    relay.centre.delay = 60


def centre_back(relay: Relay) -> None:
    relay.centre.stop()
    relay.sleep_until(relay.expiry + GRACE)
    relay.centre.start()
    relay.serve("lasting", "later")
    relay.wait_exempt("later")


def killed_while_it_installs(relay: Relay) -> None:
    ended, ends = threading.Event(), relay.expiry

    def change() -> None:
        while not ended.wait(0.01):
            relay.serve("ending", "lasting", more=soon_addresses(relay.serial), at=ends)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for delay in (0.31, 0.17, 0.23):
            time.sleep(delay)
            relay.agent.kill()
            relay.start_agent()
    finally:
        ended.set()
        thread.join()


def soon_addresses(serial: int) -> list[str]:
    return [f"10.{serial % 250}.{n // 250}.{n % 250}" for n in range(300)]


def killed(relay: Relay) -> None:
    relay.centre.stop()
    relay.sleep_until(relay.expiry - 0.8)
    relay.agent.kill()
    relay.start_agent()


def restarted(relay: Relay) -> None:
    relay.centre.stop()
    relay.sleep_until(relay.expiry - 1.2)
    assert relay.agent.process is not None
    stop(relay.agent.process)
    relay.start_agent()


def own_disk(relay: Relay) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(relay.folder / "map")]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        # As with namespaces: no package brings that, so it is skipped in CI too.
        pytest.skip("this kernel lets nobody mount a tmpfs here")


def disk_full(relay: Relay) -> None:
    wait_until((relay.folder / "map" / ".reserve").exists, "a reserve")
    fill(relay.folder / "map" / "ballast")
    relay.serve("ending", "lasting", more=crowd(), at=relay.expiry)


def removal_with_disk_full(relay: Relay) -> None:
    """One entry less and many more in one snapshot: what is removed ends all the same."""
    wait_until((relay.folder / "map" / ".reserve").exists, "a reserve")
    fill(relay.folder / "map" / "ballast")
    relay.serve("lasting", more=crowd(), at=time.time() + 3)


def crowd() -> list[str]:
    return [f"10.{n // 62_500}.{n // 250 % 250}.{n % 250}" for n in range(10_000)]


def spoilt(how: Callable[[bytes], bytes]) -> Callable[[Relay], None]:
    def act(relay: Relay) -> None:
        relay.centre.spoil = how
        refused(relay)

    return act


def wrong_key(relay: Relay) -> None:
    refused(relay, key=OTHER_KEY)


def refused(relay: Relay, **how: Any) -> None:
    """What would lengthen the entry is refused, and what is sound again is followed."""
    ends = relay.expiry
    relay.serve("ending", "lasting", "later", at=ends + 3600, **how)
    wait_until(lambda: "the snapshot was refused" in relay.agent.said, "refused", timeout=5)
    relay.expiry = ends
    relay.sleep_until(ends + GRACE)
    relay.centre.spoil = bytes
    relay.serve("lasting", "later")
    relay.expiry = ends
    relay.wait_exempt("later")


def replayed(relay: Relay) -> None:
    ends = relay.expiry
    relay.serve("ending", "lasting", at=ends + 3600)
    older = relay.centre.data
    relay.serve("ending", "lasting", at=ends)
    wait_until(lambda: f"installed serial {relay.serial}:" in relay.agent.said, "the newer one")
    relay.centre.data, relay.centre.etag = older, '"older"'
    wait_until(lambda: "it is older than the one in force" in relay.agent.said, "refused")


def clock_set(seconds: float) -> Fault:
    def act(relay: Relay) -> None:
        relay.centre.stop()
        relay.agent.step(seconds)

    return Fault(act, before=lambda relay: relay.agent.step(0))


def clock_set_and_killed(seconds: float) -> Fault:
    def act(relay: Relay) -> None:
        relay.centre.stop()
        relay.agent.step(seconds)
        killed(relay)

    return Fault(act, before=lambda relay: relay.agent.step(0))


def deleted(relay: Relay) -> None:
    relay.table.unlink()


def cut_to(size: int) -> Callable[[Relay], None]:
    def act(relay: Relay) -> None:
        with relay.table.open("r+b") as table:
            table.truncate(size)

    return act


def overwritten(relay: Relay) -> None:
    size = relay.table.stat().st_size
    with relay.table.open("r+b") as table:
        table.write((b"garbage\n" * size)[:size])


def replaced(relay: Relay) -> None:
    beside = relay.folder / "garbage"
    beside.write_bytes(b"garbage\n" * 4000)
    beside.replace(relay.table)


def older_table(relay: Relay) -> None:
    """A copy from when the entry was to last longer, put back by rename."""
    ends = relay.expiry
    relay.serve("ending", "lasting", at=ends + 3600)
    wait_until(lambda: f"installed serial {relay.serial}:" in relay.agent.said, "the longer one")
    copy = shutil.copy(relay.table, relay.folder / "copy")
    relay.serve("ending", "lasting", at=ends)
    wait_until(lambda: f"installed serial {relay.serial}:" in relay.agent.said, "the shorter one")
    Path(copy).replace(relay.table)


def unreadable(relay: Relay) -> None:
    relay.table.chmod(0)


def other_user(relay: Relay) -> None:
    """As on a relay: the agent is not root, and runs on the system's own Python."""
    require_debians("lmdb", "cryptography")
    relay.agent.become("nobody", DEBIAN_PYTHON, ROOT_FOLDER)


def of_root(relay: Relay) -> None:
    """Somebody's script made the table root's: the agent can neither read nor write it."""
    relay.table.chmod(0o600)
    shutil.chown(relay.table, "root", "root")


def two_agents(relay: Relay) -> None:
    other = relay.folder / "other"
    other.mkdir()
    config = prepare(other, relay.centre.url)
    config.write_text(config.read_text().replace(f"{other}/map", f"{relay.folder}/map"))
    done = subprocess.run([*AGENT, config], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "another agent is at work" in done.stderr


FAULTS = {
    "network silent": Fault(centre_hangs),
    "centre dead": Fault(centre_dead),
    "centre away and back": Fault(centre_back),
    "killed while it installs": Fault(killed_while_it_installs),
    "killed just before the expiry": Fault(killed),
    "restarted just before the expiry": Fault(restarted),
    "disk full": Fault(disk_full, before=own_disk),
    "disk full, removal": Fault(removal_with_disk_full, ends=3600, before=own_disk),
    "snapshot cut": Fault(spoilt(lambda data: data[:-1])),
    "snapshot altered": Fault(spoilt(lambda data: data[:-20] + b"1" + data[-19:])),
    "older snapshot": Fault(replayed),
    "wrong key": Fault(wrong_key),
    **{
        f"clock {'+' if s > 0 else '-'}{name}": clock_set(s)
        for size, name in ((1, "1 s"), (3600, "1 h"), (YEAR, "1 year"))
        for s in (size, -size)
    },
    "clock -1 h, killed": clock_set_and_killed(-3600),
    "clock -1 year, killed": clock_set_and_killed(-YEAR),
    "table deleted": Fault(deleted),
    "table cut to nothing": Fault(cut_to(0)),
    "table cut to a page": Fault(cut_to(4096)),
    "table overwritten": Fault(overwritten),
    "table replaced": Fault(replaced),
    "older table": Fault(older_table),
    "table without permissions": Fault(unreadable, before=other_user),
    "table of root": Fault(of_root, before=other_user),
    "two agents": Fault(two_agents),
}
# An smtpd that looks into such a file before it is mended is killed, and master waits a second.
DEADLY = {"table cut to nothing", "table cut to a page", "table overwritten"}
OUTAGE = 2.5  # seconds
# For one answer, where two cores bear all these relays; half of what a writer waits for a lock.
PATIENCE = 5.0  # seconds
AHEAD = {"clock +1 h", "clock +1 year"}


def play(relay: Relay, fault: Fault) -> Relay:
    """The fault, from a throttled client's exemption to well after its end."""
    with ExitStack() as stack:
        stack.callback(relay.end)
        fault.before(relay)
        relay.start()
        relay.exempt(fault.ends)
        wait_until(partial(relay.has_mailed, 1), "mail before the fault")
        relay.began = time.time()
        fault.act(relay)
        relay.sleep_until(relay.over + AFTERWARDS)
        relay.left = {str(address) for address in read_lmdb(relay.table)}
    return relay


@pytest.fixture(scope="module")
def played() -> Iterator[dict[str, Future[Relay]]]:
    """Every fault at a relay of its own, several at one time."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        folder.chmod(0o755)
        relays = [Relay(100 + n, folder / str(n)) for n in range(len(FAULTS))]
        for relay in relays:
            stack.callback(relay.unmount)
        postfix = stack.enter_context(Relays([relay.folder / "map" for relay in relays]))
        for relay, port in zip(relays, postfix.ports, strict=True):
            relay.port = port
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        yield {
            name: pool.submit(play, relay, fault)
            for relay, (name, fault) in zip(relays, FAULTS.items(), strict=True)
        }


@pytest.mark.parametrize("name", FAULTS)
def test_nobody_is_exempt_a_second_after_the_expiry(played, name):
    relay = played[name].result()
    for how in ("open", "new"):
        before = relay.codes("ending", how, 0, relay.began)
        after = relay.codes("ending", how, relay.over + GRACE)
        assert set(before) == {250}, relay.story()
        assert set(after) == {450}, relay.story()
    assert relay.client("ending") not in relay.left
    if name not in AHEAD:
        assert relay.client("lasting") in relay.left, relay.story()


@pytest.mark.parametrize("name", FAULTS)
def test_mail_of_others_is_accepted_before_during_and_after(played, name):
    relay = played[name].result()
    calm = relay.began + (OUTAGE if name in DEADLY else 0.0)
    for how in ("open", "new"):
        assert relay.codes("normal", how, 0, relay.began), relay.story()
        refused = set(relay.codes("normal", how, 0)) - {250}
        assert refused <= ({0} if name in DEADLY else set()), relay.story()
        assert set(relay.codes("normal", how, calm)) == {250}, relay.story()
    assert max(seen.took for seen in relay.seen) < PATIENCE, relay.story()
