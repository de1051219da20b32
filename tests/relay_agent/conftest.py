"""Folders for these tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.processes import stop
from tests.relay_agent.agents import Running
from tests.relay_agent.centre import Centre, centre, prepare
from tests.relay_agent.tools import QUICK


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory where there is room: a disk spends most of the time on fsync."""
    with tempfile.TemporaryDirectory(prefix="relay-", dir=QUICK) as folder:
        yield Path(folder)


@pytest.fixture
def service() -> Iterator[Centre]:
    with centre() as found:
        yield found


@pytest.fixture
def running(tmp_path: Path, service: Centre) -> Iterator[Running]:
    found = Running(tmp_path, prepare(tmp_path, service.url))
    yield found
    if found.process is not None:
        stop(found.process)
