"""Every fault has words for people, and they say what to do."""

from __future__ import annotations

import pytest
from django.utils import translation

from whitelist.models.sync_run import SyncRun
from whitelist.models.zone import Zone
from whitelist.registry.following.fault_words import UNKNOWN, SourceFault, words
from whitelist.registry.following.from_servers import TELLING
from whitelist.registry.name_servers.faults import Fault

FAULTS = [*Fault, *SourceFault]


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_says_what_happened_and_what_to_do(fault: str) -> None:
    with translation.override("en"):
        what, to_do = map(str, words(str(fault)))
    assert what.endswith(".")
    assert to_do.endswith(".")
    assert words(fault) is not UNKNOWN


def test_no_two_faults_say_the_same() -> None:
    assert len({str(words(fault).what) for fault in FAULTS}) == len(FAULTS)


def test_a_fault_of_another_release_has_words_too() -> None:
    assert words("from_the_future") == UNKNOWN


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("model", [Zone, SyncRun])
def test_every_fault_fits_its_column(fault: str, model: type[Zone | SyncRun]) -> None:
    limit = model._meta.get_field("fault").max_length
    assert limit is not None
    assert len(fault) <= limit


def test_every_fault_of_a_server_has_its_rank_among_the_others() -> None:
    assert set(TELLING) == {*Fault, SourceFault.BAD_ZONE}
    assert len(TELLING) == len(set(TELLING))
