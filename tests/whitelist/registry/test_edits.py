"""What staff change by hand stands in the history, and is counted."""

from __future__ import annotations

from copy import copy
from datetime import timedelta

import pytest

from tests.whitelist.factories import ADDRESS, NAME, NOON, make_host, make_zone
from whitelist.models import Host, HostChange, Zone
from whitelist.registry.edits import do_write_down

pytestmark = pytest.mark.django_db

OTHER = "other.ee.nthu.edu.tw"


def history() -> list[tuple[str, str, bool]]:
    changes = HostChange.objects.order_by("pk")
    return [(change.zone.name, change.name, change.added) for change in changes]


def counts() -> dict[str, int]:
    return dict(Zone.objects.values_list("name", "hosts_count"))


@pytest.fixture
def host() -> Host:
    host = make_host(ADDRESS, NAME)
    do_write_down(None, host, at=NOON)
    return host


def test_a_new_host_is_counted_and_remembered(host):
    assert (history(), counts()) == ([("csv", NAME, True)], {"csv": 1})
    assert HostChange.objects.get().at == NOON


def test_another_name_is_one_gone_and_one_new(host):
    renamed = copy(host)
    renamed.name = OTHER
    do_write_down(host, renamed, at=NOON)
    assert history()[1:] == [("csv", NAME, False), ("csv", OTHER, True)]
    assert counts() == {"csv": 1}


def test_another_list_is_one_gone_and_one_new(host):
    moved = copy(host)
    moved.zone = make_zone("staff")
    do_write_down(host, moved, at=NOON)
    assert history()[1:] == [("csv", NAME, False), ("staff", NAME, True)]
    assert counts() == {"csv": 0, "staff": 1}


def test_what_changes_no_name_is_not_written_down(host):
    longer = copy(host)
    longer.unit, longer.until = "EE", NOON + timedelta(days=1)
    do_write_down(host, longer, at=NOON)
    assert (len(history()), counts()) == (1, {"csv": 1})


def test_a_host_that_goes_is_remembered_and_never_counted_below_nothing(host):
    for _ in range(2):
        do_write_down(host, None, at=NOON)
    assert history()[1:] == [("csv", NAME, False)] * 2
    assert counts() == {"csv": 0}
