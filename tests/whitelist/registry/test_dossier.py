"""All that is known of one address."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.whitelist.factories import ADDRESS, NAME, NOON, make_host, make_network, make_zone
from tests.whitelist.registry.standing import (
    FORWARD,
    HOUR,
    MINUTE,
    REVERSE,
    followed,
    host,
    live,
    omitted,
    override,
    zone,
)
from whitelist.addresses import parse_address
from whitelist.models.host import HostChange
from whitelist.models.registration import OverrideDecision
from whitelist.models.service_settings import ServiceSettings
from whitelist.models.sync_run import HeldTransfer, HoldReason
from whitelist.models.zone import Zone, ZoneState
from whitelist.registry.classify import LeftOut
from whitelist.registry.dossier import MOST_CHANGES, Dossier, dossier
from whitelist.registry.lookup import AddressStatus

pytestmark = pytest.mark.django_db

OTHER_ADDRESS = "140.114.64.155"


def of(address: str = ADDRESS) -> Dossier:
    return dossier(parse_address(address), at=NOON)


def change(minutes: int, *, added: bool = True, address: str = ADDRESS) -> HostChange:
    return HostChange.objects.create(
        zone=zone(), address=address, name=NAME, added=added, at=NOON - minutes * MINUTE
    )


def hold(held: Zone) -> None:
    HeldTransfer.objects.create(
        zone=held,
        reason=HoldReason.LOSS,
        held_at=NOON,
        digest="0" * 64,
        hosts=b"x",
        added=0,
        removed=1,
        addresses_before=1,
        addresses_lost=1,
        entries_hit=0,
    )


def test_of_an_address_that_nobody_knows_there_is_nothing() -> None:
    known = of("2001:db8::1")
    assert known.standing.status == AddressStatus.NO_NAME
    assert (known.networks, known.hosts, known.omitted, known.overrides) == ([], [], [], [])
    assert (known.live, known.changes, known.zones) == (None, [], [])


def test_the_networks_are_told_from_the_most_specific_to_the_broadest() -> None:
    make_network("140.114.0.0/16")
    make_network("140.114.64.0/24")
    make_network("140.114.65.0/24")
    assert [network.cidr for network in of().networks] == ["140.114.64.0/24", "140.114.0.0/16"]


def test_the_standing_is_judged_by_the_settings() -> None:
    host(zone(), since=NOON - HOUR)
    assert of().standing.status == AddressStatus.REGISTERED
    ServiceSettings.objects.update(minimum_age_hours=2)
    assert of().standing.status == AddressStatus.REVIEW


def test_names_of_every_zone_are_told_also_those_that_are_over() -> None:
    names = [
        host(zone()),
        host(zone(FORWARD)),
        make_host(),
    ]
    names.append(host(make_zone("staff"), until=NOON - HOUR, reason="was a guest"))
    make_host(OTHER_ADDRESS, "lab155.ee.nthu.edu.tw")
    assert set(of().hosts) == set(names)


def test_records_and_decisions_and_the_live_answer_are_told() -> None:
    record = omitted(LeftOut.NOT_AN_ADDRESS, f"0154.{REVERSE}", NAME)
    omitted(LeftOut.NOT_AN_ADDRESS, f"0155.{REVERSE}", NAME, address=OTHER_ADDRESS)
    past = override(OverrideDecision.REFUSE, until=NOON - HOUR, lifted_at=NOON - HOUR)
    present = override(OverrideDecision.REFUSE)
    answer = live()
    live(address=OTHER_ADDRESS)
    known = of()
    assert (known.omitted, known.overrides, known.live) == ([record], [present, past], answer)


def test_the_newest_changes_are_told_first() -> None:
    changes = [change(minutes, added=bool(minutes % 2)) for minutes in range(MOST_CHANGES + 5)]
    change(1, address=OTHER_ADDRESS)
    assert of().changes == changes[:MOST_CHANGES]


def test_the_zones_that_speak_for_it_are_told_with_their_state() -> None:
    host(followed(REVERSE))
    hold(followed(FORWARD))
    zone("nthu.edu.tw")
    zone("114.140.in-addr.arpa")
    zone("cs.nthu.edu.tw")
    told = {str(concerned.zone): concerned.state for concerned in of().zones}
    assert told == {REVERSE: ZoneState.OK, FORWARD: ZoneState.HELD}


def test_the_closest_zone_of_every_view_is_told() -> None:
    zone(REVERSE, "inside")
    zone("114.140.in-addr.arpa", "outside")
    zone("114.140.in-addr.arpa")
    assert {str(concerned.zone) for concerned in of().zones} == {
        "114.140.in-addr.arpa (outside)", f"{REVERSE} (inside)",
    }  # fmt: skip


def test_it_costs_the_same_however_much_there_is() -> None:
    make_network()
    host(followed())
    followed(FORWARD)
    change(0)
    override(OverrideDecision.REFUSE, until=NOON - HOUR, lifted_at=NOON - HOUR)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            of()
        return len(asked)

    few = queries()
    for number in range(20):
        host(zone(f"d{number}.nthu.edu.tw"), f"x.d{number}.nthu.edu.tw")
        change(number)
        make_network(f"140.114.64.0/{number + 12}" if number > 9 else f"10.{number}.0.0/16")
    assert queries() == few
