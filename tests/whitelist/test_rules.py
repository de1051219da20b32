"""May this person whitelist this address now? Each rule alone, and the order they are asked in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from portal_auth.identity import PortalIdentity
from tests.whitelist.factories import (
    ADDRESS,
    NAME,
    NOON,
    make_block,
    make_host,
    make_identity,
    make_network,
    make_zone,
    open_entry,
    register,
)
from whitelist.addresses import parse_address
from whitelist.audit import SYSTEM
from whitelist.blocks import do_lift_block
from whitelist.entries import do_end_entry, do_extend_entry
from whitelist.models.entry import EndReason
from whitelist.models.network import NetworkKind
from whitelist.models.service_settings import ServiceSettings
from whitelist.models.zone import ZoneKind
from whitelist.rules import (
    EXTENDING,
    OPENING,
    Reason,
    Refusal,
    RefusedError,
    Situation,
    check_allowed,
    first_refusal,
    local_midnight,
)

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FIFTY_FIVE_MINUTES = timedelta(minutes=55)


def situation(
    address: str = ADDRESS, *, applicant: PortalIdentity | None = None, at: datetime = NOON
) -> Situation:
    return Situation(
        applicant or make_identity(), parse_address(address), at, ServiceSettings.load()
    )


def refusal(*args: Any, **kwargs: Any) -> Refusal:
    found = first_refusal(situation(*args, **kwargs))
    assert found is not None
    return found


def change(**fields: object) -> None:
    ServiceSettings.objects.update(**fields)


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


# registration


def test_an_address_without_a_name_is_told_whom_to_ask() -> None:
    network = make_network()
    assert refusal() == Refusal(Reason.NO_NAME, network=network)


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


# quota; the local day begins at 16:00 UTC

MIDNIGHT = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)


def use(times: int, *, at: datetime, applicant: PortalIdentity | None = None) -> None:
    for number in range(times):
        entry = open_entry(at=at + number * MINUTE, applicant=applicant)
        do_end_entry(
            entry, actor=SYSTEM, reason=EndReason.OWNER, at=at + number * MINUTE + MINUTE / 2
        )


def test_the_days_last_request_is_served_and_the_next_is_not() -> None:
    use(4, at=NOON)
    assert first_refusal(situation(at=NOON + HOUR)) is None
    assert situation(at=NOON + HOUR).requests_left == 1
    use(1, at=NOON + HOUR)
    assert refusal(at=NOON + 2 * HOUR) == Refusal(Reason.QUOTA, until=MIDNIGHT, limit=5)
    assert situation(at=NOON + 2 * HOUR).requests_left == 0


def test_the_quota_is_the_persons_at_whatever_address() -> None:
    use(5, at=NOON)
    register("140.114.64.155", "lab155.ee.nthu.edu.tw")
    assert refusal("140.114.64.155", at=NOON + HOUR).reason == Reason.QUOTA
    assert first_refusal(situation(applicant=make_identity("s2"), at=NOON + HOUR)) is None


def test_the_same_account_at_another_portal_is_another_person() -> None:
    use(5, at=NOON)
    other = make_identity(issuer="https://other.example")
    assert first_refusal(situation(applicant=other, at=NOON + HOUR)) is None


def test_the_day_turns_at_local_midnight_to_the_second() -> None:
    use(5, at=MIDNIGHT - 30 * MINUTE)
    second = timedelta(seconds=1)
    assert refusal(at=MIDNIGHT - second).until == MIDNIGHT
    assert first_refusal(situation(at=MIDNIGHT)) is None
    assert situation(at=MIDNIGHT).requests_left == 5


def test_requests_of_the_first_second_of_a_day_count_for_it() -> None:
    use(5, at=MIDNIGHT)
    assert refusal(at=MIDNIGHT + HOUR).until == MIDNIGHT + timedelta(days=1)


def test_extensions_count_as_requests() -> None:
    applicant = make_identity()
    entry = open_entry(at=NOON, applicant=applicant)
    for number in range(1, 5):
        do_extend_entry(entry, applicant=applicant, at=NOON + number * FIFTY_FIVE_MINUTES)
    at = NOON + 5 * FIFTY_FIVE_MINUTES
    found = first_refusal(situation(at=at), EXTENDING)
    assert found == Refusal(Reason.QUOTA, until=MIDNIGHT, limit=5)


def test_extensions_count_for_the_day_they_were_asked_on() -> None:
    """Else an entry that was opened before midnight could be extended without end."""
    applicant = make_identity()
    entry = open_entry(at=MIDNIGHT - MINUTE, applicant=applicant)
    for number in range(1, 6):
        do_extend_entry(entry, applicant=applicant, at=MIDNIGHT + number * MINUTE)
    with pytest.raises(RefusedError) as refused:
        do_extend_entry(entry, applicant=applicant, at=MIDNIGHT + 6 * MINUTE)
    assert refused.value.refusal.reason == Reason.QUOTA


def test_refused_requests_cost_nothing() -> None:
    make_network()
    for _ in range(6):
        with pytest.raises(RefusedError):
            open_entry("140.114.64.1", name="host-64-1.nthu.edu.tw", at=NOON)
    assert situation(at=NOON).requests_left == 5


def test_nought_is_no_limit() -> None:
    change(requests_per_day=0)
    use(7, at=NOON)
    assert first_refusal(situation(at=NOON + HOUR)) is None
    assert situation(at=NOON + HOUR).requests_left is None


def test_a_quota_that_was_lowered_leaves_nothing_less_than_nought() -> None:
    use(3, at=NOON)
    change(requests_per_day=1)
    assert situation(at=NOON + HOUR).requests_left == 0


@pytest.mark.parametrize(
    ("at", "begin"),
    [
        (datetime(2026, 11, 24, 15, 59, 59, tzinfo=UTC), datetime(2026, 11, 23, 16, tzinfo=UTC)),
        (datetime(2026, 11, 24, 16, 0, 0, tzinfo=UTC), datetime(2026, 11, 24, 16, tzinfo=UTC)),
        (datetime(2026, 12, 31, 16, 0, 1, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC)),
        (datetime(2028, 2, 29, 3, 0, 0, tzinfo=UTC), datetime(2028, 2, 28, 16, tzinfo=UTC)),
    ],
)
def test_local_midnight_is_taipeis(at: datetime, begin: datetime) -> None:
    assert local_midnight(at) == begin
    assert local_midnight(at, days=1) == begin + timedelta(days=1)


def test_local_midnight_holds_where_clocks_change() -> None:
    with timezone.override("Europe/Berlin"):
        spring = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
        begin, end = (local_midnight(spring, days=days).astimezone(UTC) for days in (0, 1))
    assert end - begin == timedelta(hours=23)


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
