"""The file broker, with real processes on one folder."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Consumer
from kombu.exceptions import OperationalError

from tests.whitelist_site.broker_process import QUEUE, connect, drain
from whitelist_site import spool as spool_module
from whitelist_site.spool import Owner, Spool

Process = subprocess.Popen[bytes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "broker"


def start(*arguments: object) -> Process:
    command = [sys.executable, "-m", "tests.whitelist_site.broker_process"]
    # They must find `whitelist_site`, but no Django: a broker needs no settings.
    return subprocess.Popen([*command, *map(str, arguments)])


def finish(processes: list[Process]) -> list[int]:
    try:
        return [process.wait(timeout=90) for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def received(results: list[Path]) -> Counter[int]:
    lines = [line for file in results if file.exists() for line in file.read_text().split()]
    return Counter(map(int, lines))


def publish(connection: Connection, number: int) -> None:
    connection.Producer().publish({"number": number}, routing_key="numbers", declare=[QUEUE])


def collect(connection: Connection, seconds: float = 0.3, *, ack: bool = True) -> list[Any]:
    """What a consumer receives until it is quiet for SECONDS."""
    bodies: list[Any] = []

    def on_message(body: Any, message: Any) -> None:
        bodies.append(body)
        if ack:
            message.ack()

    with Consumer(connection.channel(), [QUEUE], callbacks=[on_message]):
        drain(connection, quiet=seconds)
    return bodies


def files_under(folder: Path) -> list[Path]:
    """Every message file, wherever in the queue it is."""
    return [file for file in (folder / "queues").rglob("*") if file.is_file()]


def throw_garbage(queue_folder: Path, turn: int) -> None:
    def message(encoding: str, body: str) -> bytes:
        info = {
            "body_encoding": encoding,
            "delivery_tag": "x",
            "delivery_info": {"routing_key": "n"},
        }
        return json.dumps({"body": body, "properties": info}).encode()

    for name, content in {
        "empty": b"",
        "half": b'{"body": "e30=", "prop',
        "binary": bytes(range(256)),
        "list": b"[]",
        "bare": b"{}",
        "no-info": b'{"body": "", "properties": {}}',
        "wrong-body": message("base64", "e30"),
        "wrong-codec": message("rot", "e30="),
        "deep": b"[" * 100_000,
    }.items():  # fmt: skip
        (queue_folder / "new" / f"{name}-{turn}").write_bytes(content)


@pytest.mark.timeout(180)
def test_three_producers_and_three_consumers_lose_and_double_nothing(
    folder: Path, tmp_path: Path
) -> None:
    each = 500
    Spool(folder, "numbers").create()
    results = [tmp_path / f"received-{n}" for n in range(3)]
    consumers = [start("consume", folder, result) for result in results]
    producers = [start("produce", folder, n * each, each) for n in range(3)]
    for turn in range(10):
        throw_garbage(folder / "queues" / "numbers", turn)
        time.sleep(0.1)

    assert finish([*producers, *consumers]) == [0] * 6
    assert received(results) == Counter(range(3 * each))
    assert sum(result.read_text() != "" for result in results) > 1, "only one consumer worked"
    assert files_under(folder) == []


def test_messages_of_a_consumer_that_was_killed_are_delivered_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finish([start("produce", folder, 0, 40)]) == [0]
    assert finish([start("consume", folder, tmp_path / "first", "die")]) == [-9]
    assert list((folder / "queues/numbers/taken").iterdir()), "the victim held nothing"

    assert finish([start("consume", folder, tmp_path / "second")]) == [0]

    everything = received([tmp_path / "first", tmp_path / "second"])
    assert set(everything) == set(range(40))
    assert files_under(folder) == []
    # the second consumer's own file waits for the next look, the victim's is gone
    assert len(list((folder / "owners").iterdir())) == 1


def test_messages_of_a_consumer_that_lives_are_left_to_it(folder: Path) -> None:
    with connect(folder) as holder, connect(folder) as other:
        publish(holder, 1)
        assert collect(holder.clone(), ack=True) == [{"number": 1}]
        publish(holder, 2)
        spool = Spool(folder, "numbers")
        taken = spool.take()
        assert taken is not None
        spool.recover()
        assert collect(other) == []
        assert taken.file.exists()


def test_a_message_that_kills_every_consumer_is_dropped_in_the_end(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(folder, "numbers")
    spool.put(b"poison")
    for _ in range(spool_module.MAX_DELIVERIES):
        taken = spool.take()
        assert taken is not None
        abandoned = taken.file.with_name(f"{taken.name}@1-000000000000")
        taken.file.rename(abandoned)
        spool.recover()
    assert spool.take() is None
    assert files_under(folder) == []
    assert "consumers died with it" in caplog.text


@pytest.mark.parametrize("name", ["no-number", "two@signs@here", "x" * 250, "with space"])
def test_files_with_strange_names_are_dropped_and_do_not_stop_the_queue(
    folder: Path, name: str
) -> None:
    with connect(folder) as connection:
        publish(connection, 1)
        (folder / "queues/numbers/new" / name).write_bytes(b"")
        assert collect(connection) == [{"number": 1}]
    assert files_under(folder) == []


def test_a_folder_among_the_messages_does_not_stop_the_queue(folder: Path) -> None:
    with connect(folder) as connection:
        publish(connection, 1)
        (folder / "queues/numbers/new/0").mkdir()
        assert collect(connection) == [{"number": 1}]
        publish(connection, 2)
        assert collect(connection) == [{"number": 2}]


def test_each_dropped_message_leaves_a_line_in_the_log(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(folder, "numbers")
    spool.create()
    throw_garbage(spool.folder, 0)
    garbage = spool.size()
    with connect(folder) as connection:
        assert collect(connection) == []
    dropped = [record for record in caplog.records if "dropped the message" in record.message]
    assert len(dropped) == garbage == 9


def test_what_is_not_acknowledged_waits_again_when_the_consumer_leaves(folder: Path) -> None:
    with connect(folder) as connection:
        publish(connection, 1)
        assert collect(connection, ack=False) == [{"number": 1}]
    assert Spool(folder, "numbers").size() == 1
    with connect(folder) as connection:
        assert collect(connection) == [{"number": 1}]
    assert files_under(folder) == []


def test_a_rejected_message_is_gone_and_a_requeued_one_comes_again(folder: Path) -> None:
    with connect(folder) as connection:
        channel: Any = connection.channel()
        QUEUE(channel).declare()
        publish(connection, 1)
        first = channel.basic_get("numbers")
        first.requeue()
        again = channel.basic_get("numbers")
        assert json.loads(again.body) == {"number": 1}
        again.reject()
        assert channel.basic_get("numbers") is None
    assert files_under(folder) == []


def test_messages_come_in_the_order_in_which_they_were_sent(folder: Path) -> None:
    with connect(folder) as connection:
        for number in range(50):
            publish(connection, number)
        assert collect(connection) == [{"number": number} for number in range(50)]


def test_nobody_else_can_read_the_folder_or_a_message(folder: Path) -> None:
    previous = os.umask(0)
    try:
        with connect(folder) as connection:
            publish(connection, 1)
    finally:
        os.umask(previous)
    message = next(iter((folder / "queues/numbers/new").iterdir()))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(message.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_an_error_of_the_broker_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    began = time.monotonic()
    with (
        connect(tmp_path / "file" / "broker", max_retries=0) as connection,
        pytest.raises(OperationalError, match="cannot make the folder"),
    ):
        publish(connection, 1)
    assert time.monotonic() - began < 5


def test_a_folder_that_vanishes_under_the_consumer_is_made_again(folder: Path) -> None:
    with connect(folder) as connection:
        publish(connection, 1)
        assert collect(connection) == [{"number": 1}]
        for part in ("tmp", "new", "taken"):
            (folder / "queues/numbers" / part).rmdir()
        publish(connection, 2)
        assert collect(connection) == [{"number": 2}]


def test_what_a_dead_producer_left_half_written_is_cleared_after_an_hour(folder: Path) -> None:
    spool = Spool(folder, "numbers")
    spool.create()
    old, fresh = spool.tmp / "old", spool.tmp / "fresh"
    for file in (old, fresh):
        file.write_bytes(b"half")
    an_hour_ago = time.time() - 3601
    os.utime(old, (an_hour_ago, an_hour_ago))
    spool.recover()
    assert [file.name for file in spool.tmp.iterdir()] == ["fresh"]


def test_the_owner_of_this_very_process_counts_as_alive_elsewhere(folder: Path) -> None:
    owner = Owner(folder / "owners")
    code = (
        "import sys, pathlib; from whitelist_site.spool import is_dead;"
        "sys.exit(10 + is_dead(pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(folder / "owners" / owner.name)]
    assert subprocess.run(command, check=False).returncode == 10


@pytest.mark.parametrize("name", ["../up", "a/b", "名", "."])
def test_no_name_of_a_queue_leads_out_of_the_folder(folder: Path, name: str) -> None:
    if name == ".":
        with pytest.raises(ValueError, match="not the name of a queue"):
            Spool(folder, name)
        return
    Spool(folder, name).create()
    assert [path.parent for path in (folder / "queues").iterdir()] == [folder / "queues"]


def test_a_body_of_any_bytes_arrives_as_it_was_sent(folder: Path) -> None:
    body = bytes(range(256)) * 50
    with connect(folder) as connection:
        text = base64.b64encode(body).decode()
        producer = connection.Producer()
        producer.publish({"number": text}, routing_key="numbers", declare=[QUEUE])
        assert collect(connection) == [{"number": text}]
