"""Names that would count, but for a doubt; and what is missing, told more precisely."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.whitelist.factories import (
    ADDRESS,
    NAME,
    NOON,
    make_host,
    make_zone,
)
from tests.whitelist.registry.standing import (
    FORWARD,
    HOUR,
    MINUTE,
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
from whitelist.models.host import HostChange
from whitelist.models.registration import LiveVerdict, OverrideDecision
from whitelist.models.zone import Zone
from whitelist.registry.classify import LeftOut
from whitelist.registry.lookup import AddressStatus, NamePolicy, Why

pytestmark = pytest.mark.django_db

OTHER = "other.ee.nthu.edu.tw"
SECOND = timedelta(seconds=1)
A_DAY_OLD = NamePolicy(minimum_age=timedelta(days=1))
SERIES_OF_TEN = NamePolicy(series_length=10)
UNFINISHED = f"lab154.ee.nthu.edu.tw.{REVERSE}"


class TestMinimumAge:
    def test_a_young_name_counts_from_the_moment_it_comes_of_age(self) -> None:
        host(zone(REVERSE))
        host(zone(FORWARD), since=NOON - HOUR)
        told = found(policy=A_DAY_OLD)
        assert (told.status, told.why, told.name) == (AddressStatus.REVIEW, Why.TOO_YOUNG, NAME)
        assert told.until == NOON + 23 * HOUR
        assert found(policy=A_DAY_OLD, at=told.until).status == AddressStatus.REGISTERED

    def test_what_was_there_at_the_first_loading_is_old_enough(self) -> None:
        both_halves()
        assert found(policy=A_DAY_OLD).status == AddressStatus.REGISTERED

    def test_an_old_name_counts_beside_a_young_one(self) -> None:
        both_halves(OTHER)
        host(zone(REVERSE), since=NOON)
        host(zone(FORWARD), since=NOON)
        assert (found(policy=A_DAY_OLD).status, found(policy=A_DAY_OLD).name) == (
            AddressStatus.REGISTERED, OTHER,
        )  # fmt: skip

    def test_of_two_young_names_the_one_that_counts_first_is_awaited(self) -> None:
        host(zone(REVERSE), OTHER, since=NOON - 2 * HOUR)
        host(zone(REVERSE), since=NOON - HOUR)
        assert (found(policy=A_DAY_OLD).name, found(policy=A_DAY_OLD).until) == (
            OTHER, NOON + 22 * HOUR,
        )  # fmt: skip

    def test_a_list_states_and_need_not_wait(self) -> None:
        host(make_zone(), since=NOON)
        assert found(policy=A_DAY_OLD).status == AddressStatus.REGISTERED

    def test_half_a_name_is_told_as_such_however_young(self) -> None:
        host(zone(REVERSE), since=NOON)
        zone(FORWARD)
        assert found(policy=A_DAY_OLD).status == AddressStatus.NEEDS_FORWARD


class TestExpiredZones:
    @pytest.mark.parametrize("expired", [REVERSE, FORWARD])
    def test_a_name_of_an_expired_zone_does_not_count(self, expired: str) -> None:
        for name in (REVERSE, FORWARD):
            host(followed(name, expire=3601 if name == expired else 99_999))
        assert found().status == AddressStatus.REGISTERED
        told = found(at=NOON + SECOND)
        assert (told.status, told.why, told.name) == (AddressStatus.REVIEW, Why.EXPIRED_ZONE, NAME)

    def test_a_name_of_another_zone_counts_beside_it(self) -> None:
        host(followed(expire=1))
        make_host(name=OTHER)
        assert (found().status, found().name) == (AddressStatus.REGISTERED, OTHER)

    def test_a_zone_that_nobody_follows_never_expires(self) -> None:
        host(zone(checked_at=NOON - 100 * HOUR, expire=1))
        assert found().status == AddressStatus.REGISTERED


def in_series(numbers: range, first: int = 100, *, of: Zone | None = None) -> None:
    for number in numbers:
        host(of or zone(), f"pc{number}.ee.nthu.edu.tw", f"140.114.64.{first + number}")


class TestSeries:
    @pytest.mark.parametrize("number", [1, 5, 10])
    def test_names_numbered_in_step_wait_for_a_decision(self, number: int) -> None:
        in_series(range(1, 11))
        told = found(f"140.114.64.{100 + number}", SERIES_OF_TEN)
        assert (told.status, told.why, told.name) == (
            AddressStatus.REVIEW, Why.SERIES, f"pc{number}.ee.nthu.edu.tw",
        )  # fmt: skip

    def test_a_shorter_run_counts(self) -> None:
        in_series(range(1, 10))
        assert found("140.114.64.105", SERIES_OF_TEN).status == AddressStatus.REGISTERED

    def test_a_run_that_is_broken_counts(self) -> None:
        in_series(range(1, 6))
        in_series(range(7, 12))
        assert found("140.114.64.103", SERIES_OF_TEN).status == AddressStatus.REGISTERED

    def test_names_out_of_step_count(self) -> None:
        for number in range(1, 20):
            host(zone(), f"pc{number}.ee.nthu.edu.tw", f"140.114.64.{number * 2}")
        assert found("140.114.64.10", SERIES_OF_TEN).status == AddressStatus.REGISTERED

    def test_nought_lets_them_count(self) -> None:
        in_series(range(1, 50))
        assert found("140.114.64.110", NamePolicy()).status == AddressStatus.REGISTERED

    def test_another_name_counts_beside_them(self) -> None:
        in_series(range(1, 11))
        host(zone(), "zz.ee.nthu.edu.tw", "140.114.64.105")
        told = found("140.114.64.105", SERIES_OF_TEN)
        assert (told.status, told.name) == (AddressStatus.REGISTERED, "zz.ee.nthu.edu.tw")

    def test_a_list_states_each_of_them(self) -> None:
        in_series(range(1, 11), of=make_zone())
        assert found("140.114.64.105", SERIES_OF_TEN).status == AddressStatus.REGISTERED

    def test_an_override_decides_about_one_of_them(self) -> None:
        in_series(range(50, 60))
        assert found(policy=SERIES_OF_TEN).status == AddressStatus.REVIEW
        override(OverrideDecision.ACCEPT, name="pc54.ee.nthu.edu.tw")
        assert found(policy=SERIES_OF_TEN).status == AddressStatus.REGISTERED

    def test_generated_names_are_called_generated(self) -> None:
        for number in range(1, 20):
            host(zone(), f"host-64-{number}.ee.nthu.edu.tw", f"140.114.64.{number}")
        assert found("140.114.64.9", SERIES_OF_TEN).status == AddressStatus.GENERATED_NAME


class TestMalformed:
    def test_a_target_without_its_final_dot_is_told_with_the_record(self) -> None:
        record = omitted(LeftOut.UNFINISHED_TARGET, f"154.{REVERSE}", UNFINISHED)
        told = found()
        assert (told.status, told.record, told.zone) == (AddressStatus.MALFORMED, record, REVERSE)

    def test_the_other_half_may_be_there(self) -> None:
        host(zone(FORWARD))
        record = omitted(LeftOut.UNFINISHED_TARGET, f"154.{REVERSE}", UNFINISHED)
        told = found()
        assert (told.status, told.record, told.name) == (AddressStatus.MALFORMED, record, NAME)

    def test_a_mistake_in_the_half_that_is_not_missing_is_not_told(self) -> None:
        host(zone(REVERSE))
        zone(FORWARD)
        omitted(LeftOut.UNFINISHED_TARGET, f"154.{REVERSE}", UNFINISHED)
        assert found().status == AddressStatus.NEEDS_FORWARD

    def test_a_registered_address_may_have_such_a_record_too(self) -> None:
        both_halves()
        omitted(LeftOut.UNFINISHED_TARGET, f"154.{REVERSE}", UNFINISHED)
        assert found().status == AddressStatus.REGISTERED

    @pytest.mark.parametrize(
        "reason", [LeftOut.ALIAS, LeftOut.OCCLUDED, LeftOut.PLACEHOLDER, LeftOut.WILDCARD]
    )
    def test_what_nobody_meant_as_a_registration_is_not_told(self, reason: LeftOut) -> None:
        omitted(reason, f"154.{REVERSE}", NAME)
        assert found().status == AddressStatus.NO_NAME

    def test_a_record_of_another_address_is_not_told(self) -> None:
        omitted(LeftOut.UNFINISHED_TARGET, f"155.{REVERSE}", "x", address="140.114.64.155")
        assert found().status == AddressStatus.NO_NAME


class TestLiveAnswers:
    def test_one_that_still_differs_after_the_sync_is_for_somebody_to_look_at(self) -> None:
        for name in (REVERSE, FORWARD):
            followed(name, checked_at=NOON)
        live()
        assert (found().status, found().why) == (AddressStatus.REVIEW, Why.LIVE_DIFFERS)

    @pytest.mark.parametrize("not_yet", [REVERSE, FORWARD])
    def test_before_every_zone_was_confirmed_it_changes_nothing(self, not_yet: str) -> None:
        for name in (REVERSE, FORWARD):
            followed(name, checked_at=NOON - HOUR if name == not_yet else NOON)
        live()
        assert found().status == AddressStatus.NO_NAME

    def test_one_from_before_the_latest_change_of_the_address_is_of_another_time(self) -> None:
        for name in (REVERSE, FORWARD):
            followed(name, checked_at=NOON)
        answer = live()
        assert answer.answered_at is not None
        changes = {"zone": zone(REVERSE), "address": ADDRESS, "name": NAME, "added": False}
        HostChange.objects.create(**changes, at=answer.answered_at - SECOND)
        assert found().status == AddressStatus.REVIEW
        HostChange.objects.create(**changes, at=answer.answered_at + SECOND)
        assert found().status == AddressStatus.NO_NAME

    def test_it_never_accepts_and_never_refuses(self) -> None:
        followed(checked_at=NOON)
        live()
        both_halves()
        assert found().status == AddressStatus.REGISTERED

    @pytest.mark.parametrize("verdict", [LiveVerdict.UNREGISTERED, LiveVerdict.UNKNOWN])
    def test_one_that_agrees_or_knows_nothing_changes_nothing(self, verdict: LiveVerdict) -> None:
        followed(checked_at=NOON)
        live(verdict=verdict)
        assert found().status == AddressStatus.NO_NAME

    def test_it_is_worth_nothing_after_a_quarter_of_an_hour(self) -> None:
        followed(checked_at=NOON)
        live()
        assert found(at=NOON + 14 * MINUTE - SECOND).status == AddressStatus.REVIEW
        assert found(at=NOON + 14 * MINUTE).status == AddressStatus.NO_NAME

    def test_without_any_zone_that_is_followed_there_is_nothing_to_differ_from(self) -> None:
        zone()
        live()
        assert found().status == AddressStatus.NO_NAME

    def test_a_generated_name_stays_one(self) -> None:
        host(followed(checked_at=NOON), "host-64-154.ee.nthu.edu.tw")
        live()
        assert found().status == AddressStatus.GENERATED_NAME
