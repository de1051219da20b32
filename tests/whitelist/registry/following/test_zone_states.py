"""The state that the database derives is the one that a zone says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product

import pytest

from tests.whitelist.factories import NOON
from whitelist.models import HeldTransfer, Zone
from whitelist.models.zone import ZoneSource, ZoneState
from whitelist.registry.following.zone_states import derived_state

pytestmark = pytest.mark.django_db

MOMENT = timedelta(microseconds=1)
LARGEST = 2**31 - 1  # seconds: what the column holds on every database
# Around the bounds of refresh and retry, with and without values of the zone's own, and of expire.
AGES = [
    None,
    timedelta(0),
    *(
        timedelta(seconds=seconds) + delta
        for seconds in (90, 4500, 7200)
        for delta in (-MOMENT, timedelta(0), MOMENT)
    ),
]
TIMERS = [
    (None, None, None),
    (0, 0, 0),
    (60, 30, 7200),
    (3600, None, 90),
    (LARGEST, LARGEST, LARGEST),
]


def every_zone() -> Iterator[Zone]:
    choices = product(ZoneSource, (None, NOON), AGES, TIMERS, (None, NOON))
    for number, (source, loaded, age, (refresh, retry, expire), failing) in enumerate(choices):
        yield Zone(
            name=f"zone{number}.example",
            kind="forward",
            source=source,
            loaded_at=loaded,
            checked_at=None if age is None else NOON - age,
            refresh=refresh,
            retry=retry,
            expire=expire,
            failing_since=failing,
        )


def held(zone: Zone) -> HeldTransfer:
    numbers = dict.fromkeys(("added", "removed", "addresses_before", "addresses_lost"), 0)
    return HeldTransfer(
        zone=zone, reason="loss", held_at=NOON, digest="d", hosts=b"", entries_hit=0, **numbers
    )


def derived(at: datetime) -> dict[int, str]:
    return dict(Zone.objects.annotate(is_in=derived_state(at)).values_list("pk", "is_in"))


def test_it_agrees_with_the_zones_themselves_in_every_state_and_at_every_bound() -> None:
    Zone.objects.bulk_create(every_zone())
    HeldTransfer.objects.bulk_create(held(zone) for zone in Zone.objects.all()[::7])
    wanted = {zone.pk: zone.state(NOON).value for zone in Zone.objects.select_related("held")}
    assert derived(NOON) == wanted
    assert set(wanted.values()) == set(ZoneState.values)
