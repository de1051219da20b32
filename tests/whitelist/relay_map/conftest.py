"""A relay that asks at noon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine

from tests.whitelist.factories import NOON
from tests.whitelist.relay_map.asking import Asker


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def relay(noon: time_machine.Traveller, db: None) -> Asker:
    return Asker()
