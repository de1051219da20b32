"""The outbox: fast by a message, sure by a row."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.db import transaction

from tests.whitelist.factories import open_entry
from whitelist.models import AccessMap, WhitelistEntry
from whitelist.outbox import advance, lock_map, request_publication

# A request must not wait longer than a second for a broker; the rest is a slow machine's.
GENEROUS = 2.0


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections, and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield listener.getsockname()[1]


PointTo = Callable[..., None]
BROKER_SETTINGS = (
    "broker_url",
    "broker_read_url",
    "broker_write_url",
    "broker_transport",
    "broker_transport_options",
)


@pytest.fixture
def point_to() -> Iterator[PointTo]:
    """Points Celery to another broker for the length of a test."""
    conf = current_app.conf
    saved: dict[str, Any] = {name: getattr(conf, name, None) for name in BROKER_SETTINGS}

    def point(url: str, **options: object) -> None:
        file = url.startswith("file")
        conf.update(
            broker_url=url,
            broker_read_url=url,
            broker_write_url=url,
            broker_transport="whitelist_site.file_broker:Transport" if file else None,
            broker_transport_options={**saved["broker_transport_options"], **options},
        )

    yield point
    conf.update(saved)


def seconds_to_ask() -> float:
    start = time.monotonic()
    request_publication()
    return time.monotonic() - start


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_down_costs_a_request_less_than_a_second(
    scheme, closed_port, point_to, caplog
):
    point_to(f"{scheme}://127.0.0.1:{closed_port}")
    assert seconds_to_ask() < GENEROUS
    assert "beat will find the serial" in caplog.text


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_never_answers_costs_a_request_less_than_a_second(
    scheme, silent_port, point_to, caplog
):
    point_to(f"{scheme}://127.0.0.1:{silent_port}")
    assert seconds_to_ask() < GENEROUS
    assert "beat will find the serial" in caplog.text


def test_a_broker_folder_that_cannot_be_written_costs_a_warning(tmp_path: Path, point_to, caplog):
    (tmp_path / "broker").write_text("a file where the folder should be")
    point_to("file:///", folder=str(tmp_path / "broker"))
    assert seconds_to_ask() < GENEROUS
    assert "beat will find the serial" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_an_entry_is_opened_although_the_broker_is_down_and_its_serial_waits(closed_port, point_to):
    point_to(f"redis://127.0.0.1:{closed_port}")
    entry = open_entry()
    access_map = AccessMap.objects.get()
    assert WhitelistEntry.objects.filter(pk=entry.pk).exists()
    assert access_map.serial == entry.serial > access_map.published_serial


@pytest.mark.django_db
def test_the_message_is_sent_on_commit_and_not_before(
    django_capture_on_commit_callbacks,
):
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        advance(lock_map())
    assert callbacks == [request_publication]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_rolled_back_takes_no_serial():
    before = AccessMap.objects.get().serial

    @transaction.atomic
    def change_and_fail() -> None:
        advance(lock_map())
        raise RuntimeError

    with pytest.raises(RuntimeError):
        change_and_fail()
    assert AccessMap.objects.get().serial == before
