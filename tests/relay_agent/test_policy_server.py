"""The server answers many at once, ends what is nonsense, and fails towards DUNNO."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from relay_agent.policy import PolicyServer, View
from relay_agent.policy import server as server_module
from relay_agent.snapshot import Limits
from tests.real.processes import wait_until
from tests.relay_agent.policy_client import CLIENT, Asker, request, view

DATA = {"protocol_state": "DATA", "recipient_count": "2"}
RCPTS = 200


@contextmanager
def running(listen: str, seen: View | None = None, normal: Limits | None = None) -> Iterator[str]:
    """A server; where to ask it."""
    server = PolicyServer(listen, lambda: seen or view(CLIENT), normal or Limits())
    server.start()
    try:
        yield server.where
    finally:
        server.stop()


@pytest.fixture(params=["unix", "inet"])
def listen(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"unix:{tmp_path}/policy" if request.param == "unix" else "inet:127.0.0.1:0"


def test_one_connection_carries_many_requests_also_in_one_piece(listen: str) -> None:
    with running(listen) as where, Asker(where) as asker:
        assert asker.ask(request(**DATA)) == "OK"
        assert asker.ask(request(client_address="140.114.64.155", **DATA)) == "DUNNO"
        asker.socket.sendall(request(**DATA) * 3 + request()[:50])
        assert [asker.read() for _ in range(3)] == ["OK"] * 3
        assert asker.ask(request()[50:]).startswith("permit_mynetworks")


def test_nonsense_is_answered_dunno_and_ends_that_connection_alone(listen: str) -> None:
    with running(listen) as where, Asker(where) as bad, Asker(where) as good:
        assert bad.ask(b"GET / HTTP/1.1\r\n\r\n") == "DUNNO"
        assert bad.ended()
        assert good.ask(request(**DATA)) == "OK"


def test_many_at_once_are_counted_exactly(listen: str) -> None:
    with running(listen, view(), Limits(per_hour=RCPTS)) as where:
        answers: list[str] = []

        def ask(number: int) -> None:
            with Asker(where) as asker:
                for turn in range(50):
                    answers.append(asker.ask(request(instance=f"{number}.{turn}"))[:5])

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (answers.count("DUNNO"), answers.count("450 4")) == (RCPTS, 8 * 50 - RCPTS)


def test_a_view_that_fails_exempts_nobody_and_stops_no_mail(
    listen: str, caplog: pytest.LogCaptureFixture
) -> None:
    def failing() -> View:
        raise RuntimeError("the table is gone")

    server = PolicyServer(listen, failing, Limits(per_hour=1))
    server.start()
    try:
        with Asker(server.where) as asker:
            assert [asker.ask(request(instance=str(n))) for n in range(3)] == ["DUNNO"] * 3
    finally:
        server.stop()
    assert [record.getMessage() for record in caplog.records] == [
        "RuntimeError: the table is gone; nobody is exempt here"
    ]


def test_a_judgement_of_lasting_that_fails_exempts_nobody(listen: str) -> None:
    def failing(_key: bytes, _value: bytes) -> bool:
        raise OSError("no clock")

    seen = View({CLIENT.encode(): b"4000000000"}, Limits(), "", failing)
    with running(listen, seen) as where, Asker(where) as asker:
        assert asker.ask(request(**DATA)) == "DUNNO"


def test_what_was_let_pass_is_told_by_address() -> None:
    server = PolicyServer("inet:127.0.0.1:0", lambda: view(CLIENT))
    server.start()
    try:
        with Asker(server.where) as asker:
            asker.ask(request(instance="1"))
            asker.ask(request(instance="1", **DATA))
            asker.ask(request(instance="2"))
        assert server.counts() == {CLIENT: (2, 3)}
    finally:
        server.stop()


def test_a_swapped_view_is_seen_at_the_next_request() -> None:
    views = [view(CLIENT), view()]
    server = PolicyServer("inet:127.0.0.1:0", lambda: views[0])
    server.start()
    try:
        with Asker(server.where) as asker:
            assert asker.ask(request(**DATA)) == "OK"
            views.pop(0)
            assert asker.ask(request(**DATA)) == "DUNNO"
    finally:
        server.stop()


def test_beyond_the_most_connections_the_one_that_was_silent_longest_goes(
    monkeypatch: pytest.MonkeyPatch, listen: str
) -> None:
    monkeypatch.setattr(server_module, "MOST_CONNECTIONS", 2)
    with running(listen) as where, ExitStack() as stack:
        first, second = (stack.enter_context(Asker(where)) for _ in range(2))
        assert [asker.ask(request(**DATA)) for asker in (first, second, first)] == ["OK"] * 3
        third = stack.enter_context(Asker(where))
        assert second.ended()
        assert [asker.ask(request(**DATA)) for asker in (first, third)] == ["OK"] * 2


def pour(asker: Asker) -> None:
    """Far more than the buffers between hold, and read nothing."""
    asker.socket.settimeout(0.5)
    for _ in range(2_000):
        asker.socket.sendall(request() * 100)


def test_who_never_reads_the_answers_is_not_read_either(tmp_path: Path) -> None:
    with running(f"unix:{tmp_path}/policy") as where, Asker(where) as deaf, Asker(where) as other:
        with pytest.raises(TimeoutError):
            pour(deaf)
        assert other.ask(request(**DATA)) == "OK"


def test_a_stopped_server_leaves_nothing(listen: str, tmp_path: Path) -> None:
    before = threading.active_count()
    server = PolicyServer(listen, view)
    server.start()
    where = server.where
    assert server.alive
    with Asker(where) as asker:
        asker.ask(request())
        server.stop()
        assert asker.ended()
    server.stop()
    assert not server.alive
    assert threading.active_count() == before
    assert not list(tmp_path.iterdir())
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        Asker(where)


def test_the_socket_of_a_killed_agent_is_replaced_and_gets_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "policy"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with running(f"unix:{path}") as where, Asker(where) as asker:
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        assert asker.ask(request(**DATA)) == "OK"
        assert list(tmp_path.iterdir()) == [path]


def test_a_second_agent_does_not_take_the_socket_of_a_living_one(tmp_path: Path) -> None:
    with running(f"unix:{tmp_path}/policy") as where, Asker(where) as asker:
        with pytest.raises(OSError, match="somebody answers there"):
            PolicyServer(where, view).start()
        assert asker.ask(request(**DATA)) == "OK"


def test_a_socket_that_another_put_there_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "policy"
    server = PolicyServer(f"unix:{path}", view)
    server.start()
    path.unlink()
    with running(f"unix:{path}") as where:
        server.stop()
        with Asker(where) as asker:
            assert asker.ask(request(**DATA)) == "OK"
    wait_until(lambda: not path.exists(), "the second one's own removal", timeout=1)


def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "policy").write_text("mine")
    with pytest.raises(FileExistsError):
        PolicyServer(f"unix:{tmp_path}/policy", view).start()
    assert (tmp_path / "policy").read_text() == "mine"


@pytest.mark.parametrize(
    "listen", ["", "unix:", "unix:policy", "inet:", "inet:8553", "inet:127.0.0.1:x", "tcp:1:2"]
)
def test_another_form_of_address_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="is neither"):
        PolicyServer(listen, view).start()


def test_a_port_that_is_taken_is_an_error_of_the_start() -> None:
    with running("inet:127.0.0.1:0") as where, pytest.raises(OSError, match="in use"):
        PolicyServer(where, view).start()
