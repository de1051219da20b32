"""What survives a restart lengthens nothing; two agents never share a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_agent.clock import Heard
from relay_agent.deadlines import Now
from relay_agent.state import CLOCK, SNAPSHOT, InUseError, State, only_agent, this_boot

NOW = Now(1000.0, 50.0)
HEARD = Heard().hear(1000.0, 50.0, 50.0).vouch(990, 50.0)


def test_after_a_restart_the_services_clock_went_on(tmp_path: Path) -> None:
    State(tmp_path, "a").save_clock(HEARD, NOW)
    assert State(tmp_path, "a").load_clock() == HEARD


def test_after_a_boot_it_went_on_for_at_least_as_long_as_the_machine_is_up(tmp_path: Path) -> None:
    State(tmp_path, "a").save_clock(HEARD, NOW)
    found = State(tmp_path, "b").load_clock()
    assert found.service_time(7.0) == 1007.0
    assert found.clock_offset(NOW) is None, "which is no measurement"


def test_a_service_that_was_never_heard_is_not_made_up(tmp_path: Path) -> None:
    State(tmp_path, "a").save_clock(Heard(), NOW)
    assert State(tmp_path, "a").load_clock() == State(tmp_path, "b").load_clock() == Heard()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"time": "x"}', b'{"time":1,"offset":1,"signed":1,"boot_id":1}'],
)
def test_a_broken_clock_file_is_said_and_not_believed(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / CLOCK).write_bytes(content)
    assert State(tmp_path, "a").load_clock() == Heard()
    assert "the stored clock is lost" in caplog.text


@pytest.mark.parametrize(
    ("heard", "later", "written"),
    [
        (HEARD, 1.0, False),
        (HEARD, 60.0, True),
        (HEARD.hear(1003.0, 52.0, 52.0), 2.0, True),
    ],
    ids=["nothing new", "a minute later", "another time"],
)
def test_the_clock_is_written_when_it_is_worth_it(
    tmp_path: Path, heard: Heard, later: float, written: bool
) -> None:
    state = State(tmp_path, "a")
    state.save_clock(HEARD, NOW)
    (tmp_path / CLOCK).unlink()
    state.save_clock(heard, Now(1000.0 + later, 50.0 + later))
    assert (tmp_path / CLOCK).exists() is written


def test_a_snapshot_comes_back_as_it_was(tmp_path: Path) -> None:
    state = State(tmp_path, "a")
    assert state.load_snapshot() is None
    state.save_snapshot(b"first")
    state.save_snapshot(b"second")
    assert State(tmp_path, "a").load_snapshot() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == [SNAPSHOT]


def test_a_snapshot_that_cannot_be_read_is_said_and_not_missed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / SNAPSHOT).mkdir()
    assert State(tmp_path, "a").load_snapshot() is None
    assert "the last snapshot is lost" in caplog.text


def test_a_second_agent_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    refusal = pytest.raises(InUseError, match=f"another agent is at work in {tmp_path}")
    with only_agent(tmp_path), refusal, only_agent(tmp_path):
        pytest.fail("two agents in one folder")
    with only_agent(tmp_path):
        pass


def test_a_boot_has_a_name_of_its_own() -> None:
    assert len(this_boot()) == 36
