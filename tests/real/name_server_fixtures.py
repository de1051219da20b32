"""Fixtures of private name servers; a module that wants them imports them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

import pytest

from tests.real.knotd import private_knotd
from tests.real.name_servers import NameServer
from tests.real.named import private_named
from tests.real.nsd import private_nsd
from tests.real.zones import Zone

KINDS: dict[str, Callable[..., AbstractContextManager[NameServer]]] = {
    "named": private_named,
    "knotd": private_knotd,
    "nsd": private_nsd,
}


class Serve(Protocol):
    def __call__(self, kind: str, *zones: Zone, clock: str = "") -> NameServer: ...


def serving() -> Iterator[Serve]:
    """A function that starts name servers; all of them end with the test, or with the module."""
    with ExitStack() as stack:

        def start(kind: str, *zones: Zone, clock: str = "") -> NameServer:
            return stack.enter_context(KINDS[kind](*zones, clock=clock))

        yield start


serve = pytest.fixture(serving, name="serve")
serve_for_module = pytest.fixture(serving, scope="module", name="serve_for_module")
