"""Folders for these tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.relay_agent.tools import QUICK


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory where there is room: a disk spends most of the time on fsync."""
    with tempfile.TemporaryDirectory(prefix="relay-", dir=QUICK) as folder:
        yield Path(folder)
