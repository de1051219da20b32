"""The rule that asks the registry, and what its refusal carries."""

from __future__ import annotations

import pytest

from tests.whitelist.asking import HOUR, change, refusal, situation
from tests.whitelist.factories import CONTACT, NAME, NOON, make_host, make_network, make_zone
from whitelist.models.host import Host
from whitelist.models.zone import ZoneKind
from whitelist.registry.lookup import AddressStatus, Why
from whitelist.rules import Reason, Refusal, first_refusal

pytestmark = pytest.mark.django_db


def test_an_address_without_a_name_is_told_whom_to_ask() -> None:
    network = make_network()
    found = refusal()
    assert (found.reason, found.network, found.name) == (Reason.NO_NAME, network, "")
    assert found.standing is not None
    assert found.standing.contact == CONTACT


@pytest.mark.parametrize("status", [s for s in AddressStatus if s != AddressStatus.REGISTERED])
def test_every_way_of_not_being_registered_is_a_reason(status: AddressStatus) -> None:
    assert Reason(status.value)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(ZoneKind.REVERSE, Reason.NEEDS_FORWARD), (ZoneKind.FORWARD, Reason.NEEDS_REVERSE)],
)
def test_half_a_registration_is_told_with_the_name_that_is_there(
    kind: ZoneKind, reason: Reason
) -> None:
    make_network()
    forward = make_zone("ee.nthu.edu.tw", ZoneKind.FORWARD)
    reverse = make_zone("64.114.140.in-addr.arpa", ZoneKind.REVERSE)
    make_host("140.114.64.1", "ns1.ee.nthu.edu.tw", zone=forward)
    make_host("140.114.64.1", "ns1.ee.nthu.edu.tw", zone=reverse)
    make_host(zone=forward if kind == ZoneKind.FORWARD else reverse)
    found = refusal()
    assert (found.reason, found.name) == (reason, NAME)


def test_a_generated_name_is_told_with_the_name() -> None:
    make_network()
    make_host(name="host-64-154.dynamic.nthu.edu.tw")
    found = refusal()
    assert (found.reason, found.name) == (
        Reason.GENERATED_NAME,
        "host-64-154.dynamic.nthu.edu.tw",
    )


def test_the_rule_and_the_suffixes_are_those_of_the_settings() -> None:
    make_network()
    reverse = make_zone("64.114.140.in-addr.arpa", ZoneKind.REVERSE)
    make_host(name="pc.example.com", zone=reverse)
    assert first_refusal(situation()) is None
    change(name_suffixes="\n .NTHU.edu.tw. \n")
    assert refusal().reason == Reason.NO_NAME
    change(name_suffixes="nthu.edu.tw\nexample.com")
    assert first_refusal(situation()) is None
    change(registration_rule="forward")
    assert refusal().reason == Reason.NEEDS_FORWARD


def test_a_name_that_is_too_young_is_told_with_its_day() -> None:
    make_network()
    zone = make_zone("64.114.140.in-addr.arpa", ZoneKind.REVERSE)
    host = make_host(zone=zone)
    change(minimum_age_hours=24)
    assert first_refusal(situation()) is None
    Host.objects.filter(pk=host.pk).update(first_seen_at=NOON - HOUR)
    found = refusal()
    assert (found.reason, found.name) == (Reason.REVIEW, NAME)
    assert found.until == NOON + 23 * HOUR
    assert found.standing is not None
    assert found.standing.why == Why.TOO_YOUNG


def test_the_length_of_a_series_is_that_of_the_settings() -> None:
    make_network()
    zone = make_zone("64.114.140.in-addr.arpa", ZoneKind.REVERSE)
    for number in range(150, 160):
        make_host(f"140.114.64.{number}", f"lab{number}.ee.nthu.edu.tw", zone=zone)
    assert first_refusal(situation()) is None
    change(series_length=10)
    assert refusal().reason == Reason.REVIEW
    change(series_length=0)
    assert first_refusal(situation()) is None


def test_a_network_of_another_kind_is_told_before_what_the_registry_says() -> None:
    network = make_network(kind="dhcp")
    assert refusal() == Refusal(Reason.SHARED_ADDRESS, network=network)
