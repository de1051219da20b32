"""The agent asks on one kept connection, and no other side can make it wait or swell."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from relay_agent import feed as feed_module
from relay_agent.feed import Feed, FeedError
from tests.relay_agent.centre import TOKEN, Centre, centre


@pytest.fixture
def service() -> Iterator[Centre]:
    with centre() as found:
        yield found


@pytest.fixture
def feed(service: Centre) -> Iterator[Feed]:
    found = Feed(service.url, TOKEN)
    yield found
    found.close()


@contextmanager
def raw(*pieces: bytes, pause: float = 0.0, keep: float = 0.0) -> Iterator[str]:
    """A server that says these bytes, whatever it is asked, with a pause after each."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            wire, _ = listener.accept()
            with wire:
                wire.recv(65536)
                for piece in pieces:
                    wire.sendall(piece)
                    time.sleep(pause)
                time.sleep(keep)
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        thread.join(5)


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_a_snapshot_comes_with_its_etag_and_the_services_time(service: Centre, feed: Feed) -> None:
    service.time = lambda: 1_764_000_000.25
    found = feed.poll()
    assert (found.data, found.etag, found.time) == (service.data, service.etag, 1_764_000_000.25)
    assert found.sent <= found.received <= found.sent + 5


def test_what_did_not_change_is_not_sent_again_and_still_tells_the_time(
    service: Centre, feed: Feed
) -> None:
    etag = feed.poll().etag
    found = feed.poll(etag)
    assert (found.data, found.etag) == (None, etag)
    assert found.time is not None
    assert service.polls == ["", etag]


def test_polls_and_reports_share_one_connection(service: Centre, feed: Feed) -> None:
    for _ in range(3):
        feed.poll()
        feed.report(b'{"serial": 1}')
    assert service.connections == 1
    assert service.reports == [{"serial": 1}] * 3


def test_a_connection_that_was_let_go_meanwhile_is_no_failure(service: Centre, feed: Feed) -> None:
    feed.poll()
    service.stop()
    service.start()
    assert feed.poll().data == service.data
    assert service.connections == 2


def test_a_service_that_is_away_is_an_error_and_back_it_is_asked_again(
    service: Centre, feed: Feed
) -> None:
    service.stop()
    with pytest.raises(FeedError, match="refused"):
        feed.poll()
    service.start()
    assert feed.poll().data == service.data


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_a_refusal_is_an_error_with_its_status(service: Centre, feed: Feed, status: int) -> None:
    service.status = status
    for ask in (feed.poll, lambda: feed.report(b"{}")):
        with pytest.raises(FeedError, match=f"{status}: out of order") as caught:
            ask()
        assert caught.value.status == status
    assert service.connections == 1, "it was read to its end"


def test_a_wrong_token_is_said_to_be_that(service: Centre) -> None:
    with pytest.raises(FeedError, match="401: the service does not know this token"):
        Feed(service.url, "another").poll()


def test_a_redirect_is_not_followed() -> None:
    moved = answer(b"", "Location: http://127.0.0.1:1/", status="302 Found")
    with raw(moved) as url, pytest.raises(FeedError, match="302"):
        Feed(url, TOKEN).poll()


@pytest.mark.parametrize("time_header", ["", "x", "nan", "inf", "-inf", "-1", "0"])
def test_a_time_that_is_none_is_left_alone(time_header: str) -> None:
    with raw(answer(b"it", f"Relay-Time: {time_header}")) as url:
        assert Feed(url, TOKEN).poll().time is None


ZIPPED = gzip.compress(b"it" * 1000)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (answer(b"it", length=3), "cut|in time"),
        (answer(ZIPPED[:-1], "Content-Encoding: gzip"), "no sound gzip"),
        (answer(ZIPPED + b"x", "Content-Encoding: gzip"), "no sound gzip"),
        (answer(b"it", "Content-Encoding: gzip"), "no sound gzip"),
        (answer(b"it", "Content-Encoding: br"), "'br', which was not asked for"),
        (b"220 smtp.example ESMTP\r\n", "220"),
        (b"", "broke|closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "."),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, "more than 100 headers"),
    ],
    ids=["cut", "gzip cut", "more after gzip", "no gzip", "br", "smtp", "", "chunks", "headers"],
)
def test_an_answer_that_is_not_whole_is_an_error(said: bytes, reason: str) -> None:
    with raw(said) as url, pytest.raises(FeedError, match=reason):
        Feed(url, TOKEN).poll(deadline=2)


@pytest.mark.parametrize("zip_it", [bytes, gzip.compress], ids=["plain", "gzip bomb"])
def test_more_than_a_snapshot_can_be_is_an_error(
    monkeypatch: pytest.MonkeyPatch, zip_it: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(feed_module, "MOST_BYTES", 10_000)
    kind = "gzip" if zip_it is gzip.compress else "identity"
    refusal = pytest.raises(FeedError, match="longer than 10000 bytes")
    with raw(answer(zip_it(b"x" * 10_001), f"Content-Encoding: {kind}")) as url, refusal:
        Feed(url, TOKEN).poll()
    with raw(answer(zip_it(b"x" * 10_000), f"Content-Encoding: {kind}")) as url:
        assert Feed(url, TOKEN).poll().data == b"x" * 10_000


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        tuple(b"HTTP/1.1 200 OK\r\nX-Y: zzzzzzzzzzzzzzzzzzzzzz"[n : n + 1] for n in range(40)),
        (answer(b"", length=40), *[b"x"] * 40),
    ],
    ids=["silence", "a trickle of headers", "a trickle of a body"],
)
def test_the_deadline_is_for_the_whole_answer(pieces: tuple[bytes, ...]) -> None:
    with raw(*pieces, pause=0.05, keep=1.0) as url:
        began = time.monotonic()
        with pytest.raises(FeedError, match="no whole answer in time"):
            Feed(url, TOKEN).poll(deadline=0.4)
        assert 0.3 < time.monotonic() - began < 1.0


def test_after_a_late_answer_the_next_question_has_a_connection_of_its_own(
    service: Centre, feed: Feed
) -> None:
    service.delay = 0.5
    with pytest.raises(FeedError, match="no whole answer in time"):
        feed.poll(deadline=0.1)
    service.delay = 0.0
    assert feed.poll().data == service.data
    assert service.connections == 2
