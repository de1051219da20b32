"""May this person whitelist this address now? Each rule alone, and the order they are asked in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.whitelist.asking import HOUR, MINUTE, change, refusal, situation, use
from tests.whitelist.factories import (
    ADDRESS,
    NOON,
    make_block,
    make_host,
    make_identity,
    make_network,
    make_zone,
    open_entry,
    register,
)
from whitelist.audit import SYSTEM
from whitelist.blocks import do_lift_block
from whitelist.entries import do_end_entry
from whitelist.models.entry import EndReason
from whitelist.models.network import NetworkKind
from whitelist.rules import (
    EXTENDING,
    OPENING,
    Reason,
    Refusal,
    RefusedError,
    check_allowed,
    first_refusal,
)

pytestmark = pytest.mark.django_db


def test_a_registered_address_of_the_campus_is_allowed() -> None:
    register()
    assert first_refusal(situation()) is None
    assert first_refusal(situation(), EXTENDING) is None
    check_allowed(situation())


def test_a_registered_ipv6_address_of_the_campus_is_allowed() -> None:
    register("2001:288:e001:64::154")
    assert first_refusal(situation("2001:288:e001:64::154")) is None


def test_a_refusal_is_raised_with_all_that_the_page_needs() -> None:
    with pytest.raises(RefusedError) as refused:
        check_allowed(situation())
    assert refused.value.refusal == Refusal(Reason.OFF_CAMPUS)
    assert str(refused.value) == "off_campus"


# paused


def test_nobody_is_served_while_the_service_is_paused() -> None:
    register()
    change(paused=True)
    assert refusal() == Refusal(Reason.PAUSED)


def test_a_pause_ends_by_itself_at_its_moment() -> None:
    register()
    change(paused=True, paused_until=NOON)
    assert refusal(at=NOON - MINUTE) == Refusal(Reason.PAUSED, until=NOON)
    assert first_refusal(situation(at=NOON)) is None


# off campus


def test_an_address_in_no_network_is_off_campus() -> None:
    register()
    assert refusal("8.8.8.8").reason == Reason.OFF_CAMPUS
    assert refusal("140.113.255.255").reason == Reason.OFF_CAMPUS
    assert refusal("140.115.0.0").reason == Reason.OFF_CAMPUS
    assert refusal("2001:db8::1").reason == Reason.OFF_CAMPUS


# suspended addresses


@pytest.mark.parametrize("subject", [ADDRESS, "140.114.64.0/24", "140.114.64.154/32", "0.0.0.0/0"])
def test_a_suspended_address_or_network_is_refused(subject: str) -> None:
    register()
    block = make_block(subject)
    found = refusal()
    assert (found.reason, found.block) == (Reason.SUSPENDED_ADDRESS, block)
    assert found.network is not None


def test_the_narrowest_suspension_is_told() -> None:
    register()
    make_block("140.114.0.0/16", case_number="WIDE")
    narrow = make_block(ADDRESS, case_number="NARROW")
    make_block("140.114.64.0/24", case_number="MIDDLE")
    assert refusal().block == narrow


@pytest.mark.parametrize("subject", ["140.114.64.155", "140.114.65.0/24", "2001:288::/32", "::/0"])
def test_a_suspension_of_others_is_none_of_this_address(subject: str) -> None:
    register()
    make_block(subject)
    assert first_refusal(situation()) is None


def test_a_suspension_ends_by_itself_at_its_moment() -> None:
    register()
    make_block(until=NOON)
    assert refusal(at=NOON - MINUTE).until == NOON
    assert first_refusal(situation(at=NOON)) is None


def test_a_suspension_that_was_lifted_is_over() -> None:
    register()
    block = make_block()
    do_lift_block(block, actor=SYSTEM, at=NOON, reason="mended")
    assert first_refusal(situation()) is None


# suspended persons


def test_a_suspended_person_is_refused_at_every_address() -> None:
    register()
    register("140.114.64.155", "lab155.ee.nthu.edu.tw")
    block = make_block("s112062501", "person")
    for address in (ADDRESS, "140.114.64.155"):
        found = refusal(address)
        assert (found.reason, found.block) == (Reason.SUSPENDED_PERSON, block)
    assert first_refusal(situation(applicant=make_identity("s112062502"))) is None


def test_a_persons_suspension_ends_by_itself_at_its_moment() -> None:
    register()
    make_block("s112062501", "person", until=NOON)
    assert refusal(at=NOON - MINUTE).until == NOON
    assert first_refusal(situation(at=NOON)) is None


# networks where machines have no names


@pytest.mark.parametrize("kind", [kind for kind in NetworkKind if kind != NetworkKind.STATIC])
def test_only_networks_of_named_machines_are_served(kind: NetworkKind) -> None:
    register()
    network = make_network("140.114.64.0/24", kind)
    assert refusal() == Refusal(Reason.SHARED_ADDRESS, network=network)


def test_the_most_specific_network_decides() -> None:
    make_network("140.114.0.0/16", NetworkKind.WIFI)
    make_network("140.114.64.0/24", NetworkKind.STATIC)
    make_host()
    assert first_refusal(situation()) is None


# addresses in use


def test_an_address_that_is_exempt_is_in_use_until_its_end() -> None:
    entry = open_entry(at=NOON)
    other = make_identity("s112062502")
    found = refusal(applicant=other, at=NOON + MINUTE)
    assert found == Refusal(Reason.ADDRESS_IN_USE, until=entry.expires_at)
    assert first_refusal(situation(applicant=other, at=entry.expires_at)) is None


def test_an_address_is_in_use_for_its_own_requester_too() -> None:
    open_entry(at=NOON)
    assert refusal(at=NOON + MINUTE).reason == Reason.ADDRESS_IN_USE
    assert first_refusal(situation(at=NOON + MINUTE), EXTENDING) is None


def test_an_address_is_free_as_soon_as_its_entry_was_ended() -> None:
    entry = open_entry(at=NOON)
    do_end_entry(entry, actor=SYSTEM, reason=EndReason.OWNER, at=NOON + MINUTE)
    assert first_refusal(situation(at=NOON + MINUTE)) is None


# the order

Break = Callable[[], object]
# Each step adds one more thing that is wrong, from the last rule asked to the first.
STEPS: list[tuple[Reason, Break]] = [
    (Reason.QUOTA, lambda: use(5, at=NOON - HOUR)),
    (
        Reason.ADDRESS_IN_USE,
        lambda: open_entry(applicant=make_identity("s2"), at=NOON - MINUTE),
    ),
    (Reason.NO_NAME, lambda: make_zone().hosts.all().delete()),
    (Reason.SHARED_ADDRESS, lambda: make_network("140.114.64.0/24", NetworkKind.DHCP)),
    (Reason.SUSPENDED_PERSON, lambda: make_block("s112062501", "person", at=NOON)),
    (Reason.SUSPENDED_ADDRESS, lambda: make_block(at=NOON)),
    (Reason.PAUSED, lambda: change(paused=True)),
]


def test_rules_are_asked_in_the_order_in_which_a_member_can_mend_things() -> None:
    register()
    for reason, go_wrong in STEPS:
        go_wrong()
        assert refusal().reason == reason


def test_off_campus_comes_before_all_but_the_pause() -> None:
    make_block("8.8.8.8")
    make_block("s112062501", "person")
    assert refusal("8.8.8.8").reason == Reason.OFF_CAMPUS
    change(paused=True)
    assert refusal("8.8.8.8").reason == Reason.PAUSED


def test_extending_asks_all_but_whether_the_address_is_in_use() -> None:
    assert [rule.__name__ for rule in OPENING if rule not in EXTENDING] == ["address_not_in_use"]
    assert set(EXTENDING) < set(OPENING)


def test_all_the_rules_together_cost_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    register()
    asked = situation()
    with django_assert_max_num_queries(6):
        assert first_refusal(asked) is None
