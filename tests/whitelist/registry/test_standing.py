"""What the registry says of an address: its network, decisions of staff, views."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.whitelist.factories import (
    ADDRESS,
    CONTACT,
    NAME,
    NOON,
    UNIT,
    make_host,
    make_network,
    make_zone,
)
from tests.whitelist.registry.standing import (
    FORWARD,
    HOUR,
    REVERSE,
    both_halves,
    followed,
    found,
    host,
    live,
    omitted,
    override,
    zone,
)
from whitelist.models.network import NetworkKind
from whitelist.models.registration import OverrideDecision
from whitelist.models.service_settings import RegistrationRule
from whitelist.registry.classify import LeftOut
from whitelist.registry.lookup import AddressStatus, NamePolicy, Why

pytestmark = pytest.mark.django_db

OTHER = "other.ee.nthu.edu.tw"
SECOND = timedelta(seconds=1)
A_DAY_OLD = NamePolicy(minimum_age=timedelta(days=1))
SERIES_OF_TEN = NamePolicy(series_length=10)


class TestWhatItTells:
    def test_the_name_its_zone_and_since_when(self) -> None:
        host(zone(REVERSE), since=NOON - 3 * HOUR)
        host(zone(FORWARD), since=NOON - 2 * HOUR)
        told = found()
        assert told.status == AddressStatus.REGISTERED
        assert (told.name, told.zone, told.since) == (NAME, REVERSE, NOON - 2 * HOUR)
        assert told.until is None

    def test_a_half_that_was_always_there_does_not_count_for_since_when(self) -> None:
        host(zone(REVERSE))
        host(zone(FORWARD), since=NOON - 2 * HOUR)
        assert found().since == NOON - 2 * HOUR

    def test_what_was_always_there_has_no_since(self) -> None:
        both_halves()
        assert found().since is None

    def test_unit_and_contact_are_the_networks_where_the_host_has_none(self) -> None:
        network = make_network()
        both_halves()
        told = found()
        assert (told.network, told.unit, told.contact) == (network, UNIT, CONTACT)

    def test_unit_and_contact_of_the_host_come_first(self) -> None:
        make_network()
        make_host(unit="Lab 9", contact="lab9@example.edu.tw")
        assert (found().unit, found().contact) == ("Lab 9", "lab9@example.edu.tw")

    def test_whoever_is_not_registered_is_told_whom_to_ask_too(self) -> None:
        network = make_network()
        assert found().status == AddressStatus.NO_NAME
        assert (found().network, found().contact) == (network, CONTACT)

    def test_off_campus_is_none_of_its_business(self) -> None:
        make_network("140.115.0.0/16")
        both_halves()
        assert (found().status, found().network) == (AddressStatus.REGISTERED, None)


@pytest.mark.parametrize("kind", [kind for kind in NetworkKind if kind != NetworkKind.STATIC])
def test_a_network_without_named_machines_decides_before_names(kind: NetworkKind) -> None:
    network = make_network(kind=kind)
    both_halves()
    override(OverrideDecision.ACCEPT, name=NAME)
    assert (found().status, found().network) == (AddressStatus.SHARED_ADDRESS, network)


class TestOverrides:
    def test_one_accepts_under_its_name_until_its_end(self) -> None:
        make_network()
        override(OverrideDecision.ACCEPT, name=OTHER)
        told = found()
        assert (told.status, told.name, told.until) == (
            AddressStatus.REGISTERED, OTHER, NOON + HOUR,
        )  # fmt: skip
        assert told.why == Why.OVERRIDE
        assert told.contact == CONTACT

    def test_one_refuses_what_is_registered(self) -> None:
        both_halves()
        assert found().status == AddressStatus.REGISTERED
        override(OverrideDecision.REFUSE)
        assert (found().status, found().why) == (AddressStatus.REVIEW, Why.OVERRIDE)

    def test_it_ends_at_its_moment(self) -> None:
        override(OverrideDecision.ACCEPT, name=OTHER)
        assert found(at=NOON + HOUR - SECOND).status == AddressStatus.REGISTERED
        assert found(at=NOON + HOUR).status == AddressStatus.NO_NAME

    def test_one_that_was_lifted_is_over(self) -> None:
        override(OverrideDecision.ACCEPT, name=OTHER, lifted_at=NOON - HOUR)
        assert found().status == AddressStatus.NO_NAME

    def test_it_is_of_one_address(self) -> None:
        override(OverrideDecision.ACCEPT, name=OTHER)
        assert found("140.114.64.155").status == AddressStatus.NO_NAME


def test_an_entry_by_staff_counts_until_its_end() -> None:
    host(make_zone("staff"), until=NOON + HOUR, reason="x")
    assert (found().status, found().until) == (AddressStatus.REGISTERED, NOON + HOUR)
    assert found(at=NOON + HOUR).status == AddressStatus.NO_NAME


class TestViews:
    def test_halves_in_different_views_do_not_agree(self) -> None:
        host(zone(REVERSE, "inside"))
        host(zone(FORWARD, "outside"))
        zone(FORWARD, "inside")
        zone(REVERSE, "outside")
        assert found().status == AddressStatus.NEEDS_FORWARD

    @pytest.mark.parametrize("view", ["inside", "outside"])
    def test_both_halves_in_one_view_agree_and_it_is_told(self, view: str) -> None:
        zone(REVERSE, "inside")
        zone(FORWARD, "outside")
        both_halves(view=view)
        assert (found().status, found().zone) == (
            AddressStatus.REGISTERED, f"{REVERSE} ({view})",
        )  # fmt: skip

    def test_a_zone_without_a_view_is_seen_in_every_view(self) -> None:
        host(zone(REVERSE))
        host(zone(FORWARD, "inside"))
        zone(FORWARD, "outside")
        assert found().status == AddressStatus.REGISTERED

    def test_a_view_that_has_the_zone_itself_does_not_see_the_one_without(self) -> None:
        both_halves()
        assert found().status == AddressStatus.REGISTERED
        zone(REVERSE, "inside")
        assert found().status == AddressStatus.NEEDS_REVERSE

    def test_a_list_is_seen_in_every_view(self) -> None:
        zone(REVERSE, "inside")
        zone(REVERSE, "outside")
        make_host()
        assert (found().status, found().zone) == (AddressStatus.REGISTERED, "csv")

    def test_a_name_that_counts_in_one_view_counts(self) -> None:
        host(zone(REVERSE, "inside"), since=NOON)
        host(zone(REVERSE, "outside"), OTHER)
        told = found(policy=A_DAY_OLD)
        assert (told.status, told.name) == (AddressStatus.REGISTERED, OTHER)

    def test_a_zone_delegated_in_one_view_is_not_known_in_that_one_only(self) -> None:
        rule = NamePolicy(RegistrationRule.AGREEING)
        host(zone(REVERSE))
        zone("nthu.edu.tw", "inside")
        zone("nthu.edu.tw", "outside")
        assert found(policy=rule).status == AddressStatus.NEEDS_FORWARD
        zone(FORWARD, "outside", loaded_at=None)
        assert found(policy=rule).status == AddressStatus.REGISTERED


class TestQueries:
    def test_a_list_costs_two(self, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
        make_network()
        make_host()
        with django_assert_max_num_queries(2):
            assert found(policy=SERIES_OF_TEN).status == AddressStatus.REGISTERED

    @pytest.mark.parametrize(("policy", "queries"), [(NamePolicy(), 3), (SERIES_OF_TEN, 4)])
    def test_zones_cost_four_at_most_however_many_names_and_views(
        self,
        django_assert_max_num_queries: DjangoAssertNumQueries,
        policy: NamePolicy,
        queries: int,
    ) -> None:
        make_network()
        for number in range(20):
            for view in ("inside", "outside"):
                both_halves(f"n{number}.ee.nthu.edu.tw", view=view)
        with django_assert_max_num_queries(queries):
            assert found(policy=policy).status == AddressStatus.REGISTERED

    def test_to_say_no_costs_seven_at_most(
        self, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        make_network()
        host(followed())
        followed(FORWARD)
        live()
        omitted(LeftOut.NOT_A_HOSTNAME, "_x.ee.nthu.edu.tw", ADDRESS, type="A", of=zone(FORWARD))
        with django_assert_max_num_queries(7):
            assert found(policy=SERIES_OF_TEN).status == AddressStatus.MALFORMED
