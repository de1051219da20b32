"""RFC 2317 with a child that is named like a forward zone: alias here, PTR record there."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.whitelist.factories import ADDRESS, NAME, NOON, make_network, make_zone
from tests.whitelist.registry.standing import (
    FORWARD,
    HOUR,
    REVERSE,
    followed,
    found,
    host,
    live,
    override,
    zone,
)
from tests.whitelist.registry.syncing import sync, sync_delta
from whitelist.addresses import parse_address
from whitelist.audit import SYSTEM
from whitelist.models.host import OmittedRecord
from whitelist.models.registration import OverrideDecision
from whitelist.models.service_settings import RegistrationRule
from whitelist.models.sync_run import HeldTransfer, HoldReason
from whitelist.models.zone import Zone, ZoneKind, ZoneSource
from whitelist.registry.applying.held import MOST_OMISSIONS, do_release
from whitelist.registry.classify import LeftOut
from whitelist.registry.dossier import dossier
from whitelist.registry.lookup import AddressStatus, NamePolicy, Why
from whitelist.registry.omissions import MOST_KEPT, Omission
from whitelist.registry.second_opinion import zones_to_sync
from whitelist.registry.sources.zone_file import ZoneFile

pytestmark = pytest.mark.django_db

OWNER = f"154.{REVERSE}"
CHILD = "rev.ee.nthu.edu.tw"
TARGET = f"154.{CHILD}"
OURS = NamePolicy(suffixes=("nthu.edu.tw",))
DAY_OLD = NamePolicy(minimum_age=timedelta(days=1))
REVERSE_ALONE = NamePolicy(RegistrationRule.REVERSE)
FORWARD_ALONE = NamePolicy(RegistrationRule.FORWARD)


def keep(of: Zone, reason: LeftOut, owner: str, kind: str, target: str) -> OmittedRecord:
    """As a reading of the zone keeps it."""
    omission = Omission.of(reason, owner, kind, target)
    return OmittedRecord.objects.create(zone=of, **{**omission._asdict(), "reason": str(reason)})


def alias(target: str = TARGET, *, owner: str = OWNER, of: Zone | None = None) -> OmittedRecord:
    return keep(of or zone(REVERSE), LeftOut.ALIAS, owner, "CNAME", target)


def pointer(name: str = NAME, *, owner: str = TARGET, of: Zone | None = None) -> OmittedRecord:
    return keep(of or zone(CHILD), LeftOut.WRONG_TREE, owner, "PTR", name)


def forward(name: str = NAME, view: str = "") -> None:
    host(zone(FORWARD, view), name)


class TestItIsTheReverseHalf:
    def test_it_agrees_with_the_forward_half(self) -> None:
        alias()
        pointer()
        zone(FORWARD)
        assert found().status == AddressStatus.NEEDS_FORWARD
        forward()
        told = found()
        assert (told.status, told.name, told.zone) == (AddressStatus.REGISTERED, NAME, CHILD)
        assert told.since is None

    def test_the_zone_may_be_one_above(self) -> None:
        alias()
        pointer(of=zone(FORWARD))
        forward()
        assert (found().status, found().zone) == (AddressStatus.REGISTERED, FORWARD)

    @pytest.mark.parametrize(
        ("policy", "status"),
        [
            (NamePolicy(), AddressStatus.REGISTERED),
            (OURS, AddressStatus.NEEDS_FORWARD),
            (REVERSE_ALONE, AddressStatus.REGISTERED),
            (FORWARD_ALONE, AddressStatus.NEEDS_FORWARD),
        ],
    )
    def test_alone_it_is_worth_what_a_reverse_zones_name_is(
        self, policy: NamePolicy, status: AddressStatus
    ) -> None:
        name = "pc.cs.nthu.edu.tw" if policy != OURS else NAME
        if policy == OURS:
            zone(FORWARD)
        alias()
        pointer(name)
        assert found(policy=policy).status == status
        OmittedRecord.objects.all().delete()
        host(zone(REVERSE), name)
        assert found(policy=policy).status == status

    def test_a_name_that_is_not_ours_does_not_count(self) -> None:
        alias()
        pointer("mail.example.com")
        assert found(policy=OURS).status == AddressStatus.NO_NAME

    @pytest.mark.parametrize(
        ("policy", "status"),
        [(DAY_OLD, AddressStatus.REVIEW), (NamePolicy(), AddressStatus.REGISTERED)],
    )
    def test_its_age_is_the_forward_halfs(self, policy: NamePolicy, status: AddressStatus) -> None:
        alias()
        pointer()
        host(zone(FORWARD), since=NOON - HOUR)
        assert (found(policy=policy).status, found().since) == (status, NOON - HOUR)

    def test_generated_names_do_not_count(self) -> None:
        name = "host-64-154.ee.nthu.edu.tw"
        alias()
        pointer(name)
        forward(name)
        assert found().status == AddressStatus.GENERATED_NAME

    @pytest.mark.parametrize(
        "target", ["unused.ee.nthu.edu.tw", "_x.ee.nthu.edu.tw", "pc", f"pc.{REVERSE}", "a b.tw"]
    )
    def test_what_a_reverse_zone_would_leave_out_is_left_out(self, target: str) -> None:
        alias()
        pointer(target)
        assert found(policy=REVERSE_ALONE).status == AddressStatus.NO_NAME

    @pytest.mark.parametrize("expired", [REVERSE, CHILD])
    def test_both_zones_must_be_reliable(self, expired: str) -> None:
        alias()
        pointer()
        forward()
        followed(expired, expire=60)
        assert (found().status, found().why) == (AddressStatus.REVIEW, Why.EXPIRED_ZONE)

    def test_ipv6_too(self) -> None:
        address = "2001:288:e001:64::154"
        tree = "1.0.0.e.8.8.2.0.1.0.0.2.ip6.arpa"
        alias(owner=parse_address(address).reverse_pointer, of=zone(tree))
        pointer()
        host(zone(FORWARD), address=address)
        assert found(address).status == AddressStatus.REGISTERED

    def test_one_of_several_names_is_enough(self) -> None:
        alias()
        pointer("a.ee.nthu.edu.tw")
        pointer()
        forward()
        assert (found().status, found().name) == (AddressStatus.REGISTERED, NAME)


class TestItIsNot:
    def test_an_alias_of_another_address(self) -> None:
        alias(owner=f"155.{REVERSE}")
        pointer()
        forward()
        assert found().status == AddressStatus.NEEDS_REVERSE

    @pytest.mark.parametrize("owner", [f"0154.{REVERSE}", f"{OWNER}.{REVERSE}"])
    def test_an_alias_with_a_mistake(self, owner: str) -> None:
        alias(owner=owner)
        pointer()
        forward()
        assert found().status == AddressStatus.NEEDS_REVERSE

    def test_an_alias_in_a_forward_zone(self) -> None:
        zone(REVERSE)
        alias(of=zone(FORWARD))
        pointer()
        forward()
        assert found().status == AddressStatus.NEEDS_REVERSE

    @pytest.mark.parametrize("reason", [LeftOut.OCCLUDED, LeftOut.OUT_OF_ZONE])
    def test_a_pointer_for_which_its_zone_does_not_speak(self, reason: LeftOut) -> None:
        alias()
        keep(zone(CHILD), reason, TARGET, "PTR", NAME)
        forward()
        assert found().status == AddressStatus.NEEDS_REVERSE

    def test_a_pointer_without_an_alias(self) -> None:
        zone(REVERSE)
        pointer()
        forward()
        assert found().status == AddressStatus.NEEDS_REVERSE

    def test_the_end_of_a_chain(self) -> None:
        alias()
        keep(zone(CHILD), LeftOut.ALIAS, TARGET, "CNAME", f"other.{CHILD}")
        pointer(owner=f"other.{CHILD}")
        forward()
        assert found().status == AddressStatus.NEEDS_REVERSE


class TestWhatIsMissing:
    def test_a_child_that_we_hold_has_to_have_the_record(self) -> None:
        alias()
        zone(CHILD)
        forward()
        assert found().status == AddressStatus.NEEDS_REVERSE

    @pytest.mark.parametrize("known", [CHILD, ""])
    def test_of_a_child_that_we_do_not_hold_nothing_is_known(self, known: str) -> None:
        alias("154.rev.example.org" if not known else TARGET)
        if known:
            zone(known, loaded_at=None)
        forward()
        assert (found().status, found().zone) == (AddressStatus.REGISTERED, FORWARD)

    def test_that_is_so_of_this_address_only(self) -> None:
        alias(owner=f"155.{REVERSE}")
        zone(CHILD, loaded_at=None)
        forward()
        assert found().status == AddressStatus.NEEDS_REVERSE


class TestViews:
    @pytest.mark.parametrize(
        ("alias_view", "pointer_view", "status"),
        [
            ("inside", "inside", AddressStatus.REGISTERED),
            ("", "inside", AddressStatus.REGISTERED),
            ("inside", "", AddressStatus.REGISTERED),
            ("inside", "outside", AddressStatus.NEEDS_REVERSE),
            ("outside", "inside", AddressStatus.NEEDS_REVERSE),
            ("outside", "outside", AddressStatus.NEEDS_FORWARD),
        ],
    )
    def test_all_of_it_must_be_seen_in_one(
        self, alias_view: str, pointer_view: str, status: AddressStatus
    ) -> None:
        for view in ("inside", "outside"):
            for name in (FORWARD, *[CHILD] * bool(pointer_view), *[REVERSE] * bool(alias_view)):
                zone(name, view)
        alias(of=zone(REVERSE, alias_view))
        pointer(of=zone(CHILD, pointer_view))
        forward(view="inside")
        assert found().status == status


class TestPlaceholders:
    @pytest.mark.parametrize("name", ["unused-17.ee.nthu.edu.tw", "reserved.ee.nthu.edu.tw"])
    def test_in_a_list_one_counts_no_more_than_a_generated_name(self, name: str) -> None:
        host(make_zone("staff"), name)
        assert found().status == AddressStatus.GENERATED_NAME
        host(make_zone("staff"), NAME)
        assert (found().status, found().name) == (AddressStatus.REGISTERED, NAME)


class TestQueries:
    def asked(self) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found()
        return len(queries)

    def test_it_costs_one_more_and_only_where_there_is_an_alias(self) -> None:
        make_network()
        forward()
        host(zone(REVERSE))
        before = self.asked()
        alias(owner=f"155.{REVERSE}")
        alias(f"154.128/25.{REVERSE}")
        pointer()
        assert self.asked() == before
        alias()
        for number in range(5):
            pointer(f"n{number}.ee.nthu.edu.tw")
        assert self.asked() == before + 1

    def test_an_override_asks_for_none_of_it(self) -> None:
        alias()
        override(OverrideDecision.ACCEPT, name=NAME)
        assert self.asked() == 2


class TestWhatIsKept:
    def test_evidence_is_kept_whatever_else_a_zone_leaves_out(self) -> None:
        lines = "".join(
            f"a{number} CNAME a\nb{number} CNAME 1.0/27\n*.c{number} PTR a.ee.nthu.edu.tw.\n"
            for number in range(MOST_KEPT)
        )
        last = f"154 CNAME {TARGET}.\n"
        zone_file = ZoneFile(BytesIO((lines + last).encode()), REVERSE)
        assert not list(zone_file.hosts())
        kept = zone_file.omissions.kept
        assert len(kept) == MOST_KEPT + 1
        assert kept[-1] == Omission.of(LeftOut.ALIAS, OWNER, "CNAME", TARGET)

    def test_a_pointer_with_an_endless_owner_is_stored(self) -> None:
        """PostgreSQL's index takes no more than 2,700 bytes."""
        owner = "".join(chr(200 + number % 50) for number in range(1_024))
        text = f"$ORIGIN {CHILD}.\n{owner} PTR {NAME}.\n".encode("latin-1")
        zone_file = ZoneFile(BytesIO(text), CHILD)
        rows = list(zone_file.hosts())
        assert [len(one.owner) for one in zone_file.omissions.kept] == [1_024]
        child = followed_child()
        sync(child, [(row.address, row.name) for row in rows], omitted=zone_file.omissions.kept)
        assert child.omitted_records.count() == 1


def followed_child() -> Zone:
    return Zone.objects.create(name=CHILD, kind=ZoneKind.FORWARD, source=ZoneSource.SERVERS)


def pointing(number: int, name: str = NAME) -> Omission:
    return Omission.of(LeftOut.WRONG_TREE, f"{number}.{CHILD}", "PTR", name)


class TestItComesAndGoes:
    def test_by_differences(self) -> None:
        alias()
        forward()
        child = followed_child()
        sync(child, [], omitted=[pointing(1)])
        assert found().status == AddressStatus.NEEDS_REVERSE
        sync_delta(child, serial=2, omitted_added=[pointing(154)])
        assert found().status == AddressStatus.REGISTERED
        sync_delta(child, serial=3, omitted_removed=[pointing(154)])
        assert found().status == AddressStatus.NEEDS_REVERSE
        assert child.omitted_records.get().owner == f"1.{CHILD}"

    def test_by_a_difference_where_other_records_fill_their_share(self) -> None:
        alias()
        forward()
        child = followed_child()
        sync(child, [])
        others = [
            Omission.of(LeftOut.ALIAS, f"a{number}.{CHILD}", "CNAME", "a.example.org")
            for number in range(2 * MOST_KEPT + 1)
        ]
        sync_delta(child, serial=2, omitted_added=[*others, pointing(154)])
        assert child.omitted_records.count() == 2 * MOST_KEPT + 1
        assert found().status == AddressStatus.REGISTERED

    def test_a_held_transfer_keeps_all_of_it(self) -> None:
        alias()
        forward()
        child = followed_child()
        others = [
            Omission.of(LeftOut.ALIAS, f"a{number}.{CHILD}", "CNAME", "a.example.org")
            for number in range(MOST_OMISSIONS)
        ]
        held = sync(child, [], omitted=[*others, pointing(154)], hold=HoldReason.SERIAL)
        assert isinstance(held, HeldTransfer)
        assert found().status != AddressStatus.REGISTERED or found().zone != CHILD
        do_release(child, serial=held.serial, digest=held.digest, actor=SYSTEM, at=NOON)
        assert (found().status, found().zone) == (AddressStatus.REGISTERED, CHILD)


def test_the_dossier_shows_the_name_with_its_zone() -> None:
    alias()
    pointer()
    zone(FORWARD)
    known = dossier(parse_address(ADDRESS), at=NOON)
    assert [(one.name, one.zone.name) for one in known.hosts] == [(NAME, CHILD)]
    assert {concerned.zone.name for concerned in known.zones} == {REVERSE, CHILD, FORWARD}


def test_the_child_is_synced_where_the_name_servers_say_other() -> None:
    alias(of=followed(REVERSE))
    speaking = {followed(REVERSE), followed(FORWARD), followed(CHILD)}
    assert set(zones_to_sync(live())) == speaking
