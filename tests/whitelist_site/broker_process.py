"""A producer or a consumer of the file broker, as a process of its own.

    python -m tests.whitelist_site.broker_process produce FOLDER FIRST COUNT
    python -m tests.whitelist_site.broker_process consume FOLDER RESULT [die]

A consumer appends every number that it receives to RESULT, and ends when no message came for two
seconds. With `die` it kills itself in the middle, holding messages.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from kombu import Connection, Consumer, Queue

TRANSPORT = "whitelist_site.file_broker:Transport"
QUEUE = Queue("numbers", routing_key="numbers")


def connect(folder: Path, **options: Any) -> Connection:
    return Connection(
        "file:///ignored",
        transport=TRANSPORT,
        transport_options={"folder": str(folder), "polling_interval": 0.01, **options},
    )


def produce(folder: Path, first: int, count: int) -> None:
    with connect(folder) as connection:
        producer = connection.Producer()
        for number in range(first, first + count):
            producer.publish({"number": number}, routing_key="numbers", declare=[QUEUE])


def consume(folder: Path, result: Path, dies_after: int | None) -> None:
    received = 0
    with connect(folder) as connection, result.open("a") as out:

        def on_message(body: dict[str, int], message: Any) -> None:
            nonlocal received
            received += 1
            if received == dies_after:
                os.kill(os.getpid(), signal.SIGKILL)
            out.write(f"{body['number']}\n")
            out.flush()
            message.ack()

        consumer = Consumer(connection.default_channel, [QUEUE], callbacks=[on_message])
        consumer.qos(prefetch_count=4)
        with consumer:
            drain(connection, quiet=2)


def drain(connection: Connection, quiet: float) -> None:
    """Deliver messages until none came for QUIET seconds."""
    until = time.monotonic() + quiet
    while time.monotonic() < until:
        with contextlib.suppress(socket.timeout):
            connection.drain_events(timeout=quiet)
            until = time.monotonic() + quiet


if __name__ == "__main__":
    what, where = sys.argv[1], Path(sys.argv[2])
    if what == "produce":
        produce(where, int(sys.argv[3]), int(sys.argv[4]))
    else:
        consume(where, Path(sys.argv[3]), 20 if "die" in sys.argv[4:] else None)
