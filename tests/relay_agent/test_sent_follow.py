"""Following a log: from its end, over rotations, and beside a real Postfix."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from relay_agent.sent import LogFollower, Sent, Tally
from relay_agent.sent.follow_log import JOURNAL, POLL_SECONDS, JournalFollower
from tests.real.parts import require
from tests.real.postfix import CLIENT, PrivatePostfix, Session
from tests.real.processes import wait_until

PC, EARLIER = "192.0.2.1", "192.0.2.9"


def message(number: int) -> str:
    head = f"Nov 24 13:05:01 mx1 postfix/{{}}[1]: 4F3A12{number:05d}: "
    return (
        head.format("smtpd") + f"client=pc[{PC}]\n"
        + head.format("qmgr") + "from=<a@b.org>, size=1, nrcpt=2 (queue active)\n"
    )  # fmt: skip


@contextmanager
def following(path: Path, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Tally]:
    tally = Tally(wanted)
    follower = LogFollower(path, tally)
    follower.start()
    try:
        yield tally
    finally:
        follower.stop()
        assert not follower.thread.is_alive()


class Journal:
    """A journal of its own: what is written to it is in the file that `journalctl` reads."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "mail.journal"
        program = require("/lib/systemd/systemd-journal-remote", "systemd-journal-remote")
        self.writer = subprocess.Popen(
            [program, f"--output={self.file}", "-"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def write(self, number: int, facility: int = 2, client: str = PC) -> None:
        assert self.writer.stdin is not None
        for line in message(number).replace(PC, client).splitlines():
            head, _colon, text = line.partition("]: ")
            name = head.split()[-1].partition("[")[0]
            now = int(time.time() * 1e6)
            self.writer.stdin.write(
                f"__REALTIME_TIMESTAMP={now}\n__MONOTONIC_TIMESTAMP={now}\n_BOOT_ID={'b' * 32}\n"
                f"_HOSTNAME=mx1\n_PID=1\nSYSLOG_IDENTIFIER={name}\nSYSLOG_FACILITY={facility}\n"
                f"PRIORITY=6\nMESSAGE={text}\n\n".encode()
            )
        self.writer.stdin.flush()

    def end(self) -> None:
        assert self.writer.stdin is not None
        self.writer.stdin.close()
        self.writer.wait(10)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    journal.write(1, client=EARLIER)
    wait_until(journal.file.exists, "a journal", timeout=10)
    yield journal
    journal.end()


def has_counted(tally: Tally, messages: int) -> bool:
    return tally.totals().get(PC, Sent()).messages == messages


def wait_for(tally: Tally, messages: int) -> None:
    wait_until(partial(has_counted, tally, messages), f"{messages} messages", timeout=10)


def append(path: Path, *numbers: int) -> None:
    with path.open("a") as log:
        log.write("".join(message(number) for number in numbers))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "mail.log"
    append(path, 1)
    return path


def test_it_counts_what_is_written_from_its_start_on(log):
    with following(log) as tally:
        append(log, 2, 3)
        wait_for(tally, 2)
    assert tally.totals() == {PC: Sent(messages=2, recipients=4)}


def test_a_line_that_is_half_written_waits_for_its_rest(log):
    with following(log) as tally:
        text = message(2)
        for part in (text[:70], text[70:150], text[150:]):
            with log.open("a") as file:
                file.write(part)
            wait_until(partial(is_read, log), "a look")
        wait_for(tally, 1)


def is_read(log: Path) -> bool:
    """A look and a half later."""
    Event().wait(1.5 * POLL_SECONDS)
    return log.exists()


def test_it_goes_on_in_the_new_file_when_the_log_is_rotated(log):
    with following(log) as tally:
        append(log, 2)
        log.rename(log.with_suffix(".log.1"))
        append(log.with_suffix(".log.1"), 3)  # written before syslog was told
        append(log, 4)
        wait_for(tally, 3)
        append(log, 5)
        wait_for(tally, 4)


def test_it_goes_on_when_the_log_is_copied_and_truncated(log):
    append(log, *range(10, 20))
    with following(log) as tally:
        append(log, 2)
        wait_for(tally, 1)
        with log.open("r+b") as file:
            file.truncate()
        append(log, 3)
        wait_for(tally, 2)


def test_a_log_that_is_not_there_yet_is_read_whole_once_it_is(tmp_path):
    log = tmp_path / "mail.log"
    with following(log) as tally:
        append(log, 1)
        wait_for(tally, 1)


@pytest.mark.postfix
def test_it_counts_what_the_journal_says_of_mail_from_its_start_on(journal: Journal) -> None:
    tally = Tally(lambda _address: True)
    follower = JournalFollower(tally, [*JOURNAL, f"--file={journal.file}"])
    follower.start()
    try:
        numbers = count(2)

        def is_heard() -> bool:
            """It takes a moment until the program follows: what is written before is past."""
            journal.write(next(numbers))
            return PC in tally.totals()

        wait_until(is_heard, "what is written now", timeout=20)
        journal.write(900, facility=1, client="192.0.2.8")  # of a program that is no mail server
        journal.write(901, client="192.0.2.7")
        wait_until(lambda: "192.0.2.7" in tally.totals(), "the last line", timeout=10)
        assert tally.totals().keys() == {PC, "192.0.2.7"}
    finally:
        follower.stop()
    assert not follower.thread.is_alive()


def test_the_counts_are_those_of_a_real_postfix():
    """A message to three recipients, one of whom does not exist; beside it a refused one, one
    from before, and a neighbour's."""
    settings = {
        "relay_domains": "example.net, example.com",
        "transport_maps": "inline:{ { example.com = error:5.1.1 no such user } }",
        "smtpd_reject_unlisted_recipient": "no",
    }
    with PrivatePostfix(settings) as relay:
        assert relay.send().accepted
        with following(relay.folder / "maillog", lambda address: address == CLIENT) as tally:
            with relay.session() as session:
                send(session, "a@example.net", "b@example.net", "nobody@example.com")
                assert session.send().throttled
            relay.send("127.0.0.9")
            wait_until(
                lambda: tally.totals() == {CLIENT: Sent(messages=1, recipients=3, bounced=1)},
                "the counts",
                timeout=10,
            )


def send(session: Session, *recipients: str) -> None:
    session.smtp.mail("sender@example.org")
    for recipient in recipients:
        assert session.smtp.rcpt(recipient)[0] == 250
    assert session.smtp.data(b"Subject: hello\r\n\r\nhello\r\n")[0] == 250
