"""A Celery broker in a folder: the embedded default, with nothing to install.

kombu's own `filesystem` transport publishes without a rename, so that a consumer can read half
a message, and one empty file ends the worker. This one stands on `whitelist_site.spool`.

Transport options: `folder`, and `polling_interval` in seconds. Queues are shared between
processes, bindings are not: each process declares what it uses, as Celery does for tasks.
Broadcasts (remote control, events) therefore are not carried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import virtual
from kombu.utils.json import dumps, loads

from whitelist_site.spool import Spool, Taken

LONGEST_WAIT = 0.2  # seconds

# What a message that is no message can raise on its way through JSON, base64 and kombu.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)


@contextmanager
def channel_errors(what: str) -> Iterator[None]:
    """Callers of kombu expect its errors; its retries and time-outs know no others."""
    try:
        yield
    except OSError as error:
        raise ChannelError(f"file broker: cannot {what}: {error}") from error


def folder_of(transport: Any) -> Path:
    return Path(transport.client.transport_options["folder"])


class QoS(virtual.QoS):
    """Acknowledging removes the file; requeueing moves it back."""

    channel: Channel

    def ack(self, delivery_tag: str) -> None:
        self.channel.finish(delivery_tag)
        super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().reject(delivery_tag, requeue=requeue)
        if not requeue:
            self.channel.finish(delivery_tag)


class Channel(virtual.Channel):
    QoS = QoS
    supports_fanout = False

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self._spools: dict[str, Spool] = {}
        self._claims: dict[str, tuple[Spool, Taken]] = {}

    @property
    def folder(self) -> Path:
        return folder_of(self.connection)

    def spool(self, queue: str) -> Spool:
        if queue not in self._spools:
            try:
                self._spools[queue] = Spool(self.folder, queue)
            except ValueError as error:
                raise ChannelError(str(error)) from error
        return self._spools[queue]

    # What kombu asks of a virtual channel

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        with channel_errors("make a queue"):
            self.spool(queue).create()

    def _has_queue(self, queue: str, **kwargs: Any) -> bool:
        return self.spool(queue).exists()

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        with channel_errors("publish"):
            self.spool(queue).put(dumps(message).encode())

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        """The next good message; whatever is not one is dropped on the way."""
        spool = self.spool(queue)
        with channel_errors("take a message"):
            while taken := spool.take():
                try:
                    return self._open(spool, taken)
                except UNREADABLE as error:
                    spool.drop(taken, f"unreadable: {error!r:.200}")
                except OSError as error:
                    spool.drop(taken, f"unreadable: {error}")
        raise Empty

    def _open(self, spool: Spool, taken: Taken) -> dict[str, Any]:
        payload: dict[str, Any] = loads(taken.file.read_bytes())
        tag = taken.file.name
        payload["properties"]["delivery_tag"] = tag
        _ = payload["properties"]["delivery_info"]["routing_key"]
        self.Message(payload, channel=self)  # what the consumer will do; better seen to fail here
        self._claims[tag] = (spool, taken)
        return payload

    def _size(self, queue: str) -> int:
        with channel_errors("count messages"):
            return self.spool(queue).size()

    def _purge(self, queue: str) -> int:
        with channel_errors("purge"):
            return self.spool(queue).purge()

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        self.spool(queue).remove()

    def _restore(self, message: Any) -> None:
        if claim := self._claims.pop(message.delivery_tag, None):
            spool, taken = claim
            with channel_errors("give a message back"):
                spool.give_back(taken)

    # Consumers that do not acknowledge are done as soon as they have the message

    def finish(self, delivery_tag: str) -> None:
        if claim := self._claims.pop(delivery_tag, None):
            spool, taken = claim
            with channel_errors("acknowledge"):
                spool.done(taken)

    def basic_consume(
        self,
        queue: str,
        no_ack: bool = False,
        callback: Callable[..., Any] | None = None,
        consumer_tag: str | None = None,
        **kwargs: Any,
    ) -> Any:
        def at_once(message: Any) -> Any:
            self.finish(message.delivery_tag)
            return callback(message) if callback else None

        chosen = at_once if no_ack else callback
        return super().basic_consume(queue, no_ack, chosen, consumer_tag, **kwargs)

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> Any:
        message: Any = super().basic_get(queue, no_ack, **kwargs)
        if message is not None and no_ack:
            self.finish(message.delivery_tag)
        return message


class Transport(virtual.Transport):
    Channel = Channel
    can_parse_url = True  # the folder is an option: nothing of the URL is needed
    default_port = 0
    driver_type = "file"
    driver_name = "file"
    polling_interval = 0.05
    implements = virtual.Transport.implements.extend(
        asynchronous=False, exchange_type=frozenset({"direct", "topic"})
    )

    def establish_connection(self) -> Any:
        folder = folder_of(self)
        with channel_errors(f"make the folder {folder}"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return super().establish_connection()

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """Deliver one message, or raise `socket.timeout`, early if the time-out is long.

        The worker looks at its own stop signal between two calls, and asks for two seconds
        each: as they are, Ctrl-C would take more than four.
        """
        if timeout is not None:
            timeout = min(timeout, LONGEST_WAIT)
        super().drain_events(connection, timeout=timeout, **kwargs)

    def driver_version(self) -> str:
        return "1"
