"""Sync runs and omitted records: what they say, and that nobody writes them here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client

from tests.whitelist.admin.staff import make_staff, page, signed_in, text_of
from tests.whitelist.admin.zones import NAME, SERIAL, follow, make_changes, make_run
from tests.whitelist.factories import NOON
from whitelist.admin_display import admin_url
from whitelist.models import HeldTransfer, OmittedRecord, SyncRun, Zone
from whitelist.models.sync_run import SyncOutcome

pytestmark = pytest.mark.django_db

OF_ZONES = [SyncRun, OmittedRecord, HeldTransfer]


@pytest.fixture(autouse=True)
def english(chief_client: Client) -> None:
    chief_client.cookies["django_language"] = "en"


def omit(zone: Zone, **fields: Any) -> OmittedRecord:
    values = {"reason": "alias", "owner": f"www.{NAME}", "type": "CNAME", "target": NAME, **fields}
    return OmittedRecord.objects.create(zone=zone, **values)


def found(client: Client, model: type[Model], **query: str) -> list[Model]:
    return list(page(client, model, "changelist", **query).context["cl"].result_list)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"added": 1200, "removed": 3, "left_out": {"alias": 4}},
            [f"{SERIAL} → {SERIAL + 1}", "+1,200 −3", "4 left out", "IXFR", "NOTIFY"],
        ),
        ({"serial_before": None}, [f"– → {SERIAL + 1}"]),
        ({"serial_after": SERIAL, "outcome": "unchanged"}, ["Nothing changed"]),
        ({"outcome": "held", "hold_reason": "serial"}, ["Held for a decision", "went backwards"]),
        (
            {"outcome": "failed", "fault": "clock", "serial_after": None},
            ["Failed", "differ by more than five minutes"],
        ),
        ({"outcome": "failed", "fault": "of_tomorrow"}, ["Unknown fault"]),
        ({"trigger": "staff", "actor": "lin"}, ["Staff", "lin"]),
    ],
)
def test_the_list_says_what_came_of_a_run(
    chief_client: Client, fields: dict[str, Any], words: list[str]
) -> None:
    make_run(follow(), NOON, **fields)
    text = text_of(page(chief_client, SyncRun, "changelist"))
    for word in words:
        assert word in text


def test_a_failed_run_says_what_to_do_and_shows_the_detail_as_text(chief_client: Client) -> None:
    run = make_run(
        follow(), NOON, outcome="failed", fault="refused", fault_detail="<i>REFUSED</i> by x"
    )
    text = text_of(page(chief_client, SyncRun, "change", run.pk))
    assert "Ask its administrator to allow transfers" in text
    assert "&lt;i&gt;REFUSED&lt;/i&gt; by x" in text


def test_a_run_without_a_fault_does_not_speak_of_one(chief_client: Client) -> None:
    run = make_run(follow(), NOON)
    text = text_of(page(chief_client, SyncRun, "change", run.pk))
    assert "what to do" not in text.lower()
    assert "0.25 s" in text


def test_a_run_lists_what_it_changed_and_nothing_of_other_runs_or_zones(
    chief_client: Client,
) -> None:
    zone = follow()
    run = make_run(zone, NOON)
    make_changes(zone, run.started_at)
    make_changes(follow("other.tw"), run.started_at, count=3)
    make_changes(zone, run.finished_at + timedelta(microseconds=1), count=5)
    text = text_of(page(chief_client, SyncRun, "change", run.pk))
    assert f'<td class="ip">140.114.65.0</td><td>new0.{NAME}</td>' in text
    assert f'<td class="ip">140.114.64.9</td><td>old.{NAME}</td>' in text
    assert text.count('<td class="sign">') == 2
    assert "All 2:" in text


def test_of_many_changes_the_first_two_hundred_are_shown(chief_client: Client) -> None:
    zone = follow()
    run = make_run(zone, NOON, added=700, removed=1)
    make_changes(zone, NOON, count=700)
    text = text_of(page(chief_client, SyncRun, "change", run.pk))
    assert text.count('<td class="sign">') == 200
    assert "The first 200 of 701:" in text


def test_runs_are_found_by_zone_outcome_and_name(chief_client: Client) -> None:
    first, second = make_run(follow(), NOON), make_run(follow("other.tw"), NOON, outcome="failed")
    assert found(chief_client, SyncRun, zone__id__exact=str(first.zone_id)) == [first]
    assert found(chief_client, SyncRun, outcome__exact=SyncOutcome.FAILED) == [second]
    assert found(chief_client, SyncRun, q="OTHER") == [second]


@pytest.mark.parametrize("number", ["999999", "x", "", "9" * 30, "٣"])
@pytest.mark.parametrize("model", [SyncRun, OmittedRecord])
def test_of_a_zone_that_is_not_there_nothing_is_shown(
    chief_client: Client, model: type[Model], number: str
) -> None:
    zone = follow()
    make_run(zone, NOON)
    omit(zone)
    assert found(chief_client, model, zone__id__exact=number) == []


def test_omitted_records_are_found_by_zone_reason_address_and_beginning(
    chief_client: Client,
) -> None:
    zone = follow()
    alias = omit(zone)
    reverse = omit(
        follow("64.114.140.in-addr.arpa"),
        reason="unfinished_target",
        owner="154.64.114.140.in-addr.arpa",
        type="PTR",
        target="lab154",
        address="140.114.64.154",
    )
    assert found(chief_client, OmittedRecord, zone__id__exact=str(zone.pk)) == [alias]
    assert found(chief_client, OmittedRecord, reason="alias") == [alias]
    assert found(chief_client, OmittedRecord, q="140.114.64.154") == [reverse]
    assert found(chief_client, OmittedRecord, q="WWW.ee") == [alias]
    assert found(chief_client, OmittedRecord, q="lab15") == [reverse]
    assert found(chief_client, OmittedRecord, q="ee.nthu.edu.tw.tw") == []
    text = text_of(page(chief_client, OmittedRecord, "changelist", reason="unfinished_target"))
    assert "target without final dot" in text


def test_a_reason_of_a_later_version_is_shown_as_it_is(chief_client: Client) -> None:
    omit(follow(), reason="of_tomorrow")
    assert "of_tomorrow" in text_of(page(chief_client, OmittedRecord, "changelist"))


@pytest.mark.parametrize("model", OF_ZONES)
def test_not_even_the_chief_can_write_them(
    chief_client: Client, rows: None, model: type[Model]
) -> None:
    row = model._default_manager.get()
    for name, args in (("add", ()), ("change", (row.pk,)), ("delete", (row.pk,))):
        response = chief_client.post(admin_url(model, name, *args), {"post": "yes"})
        assert response.status_code == 403
    assert model._default_manager.count() == 1


def who_may(codename: str) -> User:
    user = make_staff("somebody")
    user.user_permissions.add(Permission.objects.get(codename=codename))
    return user


@pytest.mark.parametrize("model", OF_ZONES)
@pytest.mark.parametrize(
    ("codename", "status"), [("view_zone", 200), ("change_zone", 200), ("view_host", 403)]
)
def test_who_may_see_zones_may_see_what_belongs_to_them(
    rows: None, model: type[Model], codename: str, status: int
) -> None:
    client = signed_in(who_may(codename))
    row = model._default_manager.get()
    assert client.get(admin_url(model, "changelist")).status_code == status
    assert client.get(admin_url(model, "change", row.pk)).status_code == status
