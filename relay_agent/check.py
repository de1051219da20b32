"""What `--check` looks at beyond the file's form: one line for each thing that is wrong, and what
to do about it. It changes nothing."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from relay_agent.clock import Heard
from relay_agent.config import Config, ConfigError, read_token
from relay_agent.deadlines import Now, read_clocks
from relay_agent.feed import Answer, Feed, FeedError, trust
from relay_agent.postmap import SUFFIXES
from relay_agent.programs import find_program
from relay_agent.snapshot import Snapshot, SnapshotError, unpack

CLOCK_SECONDS = 1.0


def check(config: Config, read: Callable[[], Now] = read_clocks) -> list[str]:
    """Everything that is wrong, one line each; none: the agent can run."""
    return [*_machine(config), *_service(config, read)]


def _machine(config: Config) -> Iterator[str]:
    yield from _folder("[state] folder", config.state)
    if config.tables.parent != config.state or config.tables.exists():  # else the agent makes it
        yield from _folder("[tables] folder", config.tables)
    if config.metrics_file is not None:
        yield from _folder("[metrics] file", config.metrics_file.parent)
    if config.policy_listen.startswith("unix:"):
        yield from _folder("[policy] listen", Path(config.policy_listen[5:]).parent)
    if config.sent_log.startswith("/") and not os.access(config.sent_log, os.R_OK):
        yield f"[sent] log: {config.sent_log} cannot be read; add the agent's user to group adm"
    built = sorted(set(config.types) & set(SUFFIXES))
    if built and find_program("postmap") is None:
        yield f"[tables] types: {', '.join(built)} needs postmap: apt install postfix"


def _folder(option: str, folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        yield f"{option}: the folder {folder} does not exist; make it, for the agent's user"
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield f"{option}: {folder} cannot be written; chown it to the agent's user"


def _service(config: Config, read: Callable[[], Now]) -> Iterator[str]:
    try:
        token = read_token(config.token_file)
        context = trust(config.ca_file) if config.url.startswith("https:") else None
    except ConfigError as error:
        yield from error.problems
        return
    except (OSError, ssl.SSLError) as error:
        yield f"[service] ca_file: {config.ca_file} cannot be used: {error}"
        return
    feed = Feed(config.url, token, context, boot=lambda: read().boot)
    try:
        yield from _answer(config, feed.poll(), read)
    except FeedError as error:
        yield _unreached(config.url, error)
    finally:
        feed.close()


def _unreached(url: str, error: FeedError) -> str:
    if error.status == 401:
        return f"[service] token_file: {url} says 401; ask the service's staff for a new token"
    if error.status:
        return f"[service] url: {url} answered {error}; ask the service's staff"
    return f"[service] url: {url} was not reached ({error}); look at the name, the port, firewalls"


def _answer(config: Config, answer: Answer, read: Callable[[], Now]) -> Iterator[str]:
    try:
        snapshot = unpack(answer.data or b"", config.keys)
    except SnapshotError as error:
        yield f"[keys]: the snapshot was refused: {error}; ask the service's staff for their key"
    else:
        yield from _snapshot(config, snapshot)
    if answer.time is None:
        yield f"[service] url: {config.url} did not tell its time; is it this service?"
        return
    now = read()
    heard = Heard().hear(answer.time, answer.sent, answer.received)
    offset = heard.clock_offset(now) or 0.0
    slack = answer.received - answer.sent
    if abs(offset) > CLOCK_SECONDS + slack:
        way = "ahead of" if offset > 0 else "behind"
        yield f"this machine's clock is {abs(offset):.1f} s {way} the service's; run an NTP client"


def _snapshot(config: Config, snapshot: Snapshot) -> Iterator[str]:
    if config.pinned and snapshot.service != config.pinned:
        yield f"[service] pinned: the snapshot is of {snapshot.service!r}; correct one of the two"
