"""Registration overrides: set and lifted through their `do_…`, never edited or deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.whitelist.admin.staff import REASON, messages_of, page, text_of
from tests.whitelist.admin.test_registry import in_days
from tests.whitelist.factories import ADDRESS, NAME
from whitelist.admin_display import admin_url
from whitelist.models import AuditRecord, RegistrationOverride
from whitelist.models.audit import AuditAction

pytestmark = pytest.mark.django_db


def form(**fields: str) -> dict[str, str]:
    return {
        "address": ADDRESS,
        "decision": "accept",
        "name": NAME,
        "reason": REASON,
        "until": in_days(30),
        **fields,
    }


def add(client: Client, **fields: str) -> Any:
    return client.post(admin_url(RegistrationOverride, "add"), form(**fields), follow=True)


def make_override(
    address: str = ADDRESS, decision: str = "accept", days: float = 9
) -> RegistrationOverride:
    return RegistrationOverride.objects.create(
        address=address,
        decision=decision,
        name=NAME,
        reason=REASON,
        until=timezone.now() + timedelta(days=days),
    )


def test_an_override_is_set_in_the_name_of_who_sets_it(chief_client: Client, chief: User) -> None:
    response = add(chief_client, name="Lab154.EE.nthu.edu.tw.")
    assert response.status_code == 200
    override = RegistrationOverride.objects.get()
    assert (override.address, override.name, override.created_by) == (ADDRESS, NAME, chief)
    record = AuditRecord.objects.get(action=AuditAction.OVERRIDE_SET)
    assert (record.actor, record.address, record.reason) == (chief.username, ADDRESS, REASON)


def test_a_refusal_needs_no_name(chief_client: Client) -> None:
    add(chief_client, decision="refuse", name="")
    assert RegistrationOverride.objects.get().decision == "refuse"


def test_the_form_is_filled_in_with_the_address_of_the_link(chief_client: Client) -> None:
    response = page(chief_client, RegistrationOverride, "add", address="2001:db8::1")
    assert 'value="2001:db8::1"' in text_of(response)


@pytest.mark.parametrize(
    "fields",
    [
        {"address": "140.114.64"},
        {"address": "fe80::1%eth0"},
        {"address": ""},
        {"name": ""},
        {"name": "lab154"},
        {"decision": "maybe"},
        {"reason": ""},
        {"until": ""},
        {"until": in_days(-1)},
        {"until": in_days(400)},
        {"until": "tomorrow"},
    ],
)
def test_an_override_that_makes_no_sense_is_refused_at_its_field(
    chief_client: Client, fields: dict[str, str]
) -> None:
    response = add(chief_client, **fields)
    assert response.context["adminform"].form.errors.keys() == fields.keys()
    assert not RegistrationOverride.objects.exists()


def test_a_new_decision_replaces_the_one_that_stands(chief_client: Client) -> None:
    before = make_override()
    add(chief_client, decision="refuse", name="")
    before.refresh_from_db()
    assert before.lifted_at is not None
    now = timezone.now() + timedelta(seconds=1)
    assert [o.decision for o in RegistrationOverride.objects.in_force(now)] == ["refuse"]


def test_a_decision_can_follow_one_that_has_run_out(chief_client: Client) -> None:
    make_override(days=-1)
    add(chief_client)
    assert RegistrationOverride.objects.in_force(timezone.now()).count() == 1


def test_an_override_is_neither_edited_nor_deleted(chief_client: Client) -> None:
    override = make_override()
    for name in ("change", "delete"):
        url = admin_url(RegistrationOverride, name, override.pk)
        assert chief_client.post(url, form(name="x.nthu.edu.tw", post="yes")).status_code == 403
    assert RegistrationOverride.objects.get().name == NAME


def test_lifting_is_asked_about_wants_a_reason_and_is_audited(
    chief_client: Client, chief: User
) -> None:
    override = make_override()
    url = admin_url(RegistrationOverride, "lift", override.pk)
    assert ADDRESS in text_of(chief_client.get(url))
    for data in ({}, {"reason": REASON}, {"confirmed": "yes", "reason": ""}):
        assert chief_client.post(url, data).status_code == 200
        override.refresh_from_db()
        assert override.lifted_at is None
    chief_client.post(url, {"confirmed": "yes", "reason": REASON})
    override.refresh_from_db()
    assert override.lifted_at is not None
    record = AuditRecord.objects.get(action=AuditAction.OVERRIDE_LIFTED)
    assert (record.actor, record.reason) == (chief.username, REASON)


@pytest.mark.parametrize("days", [9, -1])
def test_what_is_over_is_not_lifted_again(chief_client: Client, days: int) -> None:
    chief_client.cookies["django_language"] = "en"
    override = make_override(days=days)
    if days > 0:
        RegistrationOverride.objects.update(lifted_at=timezone.now())
    url = admin_url(RegistrationOverride, "lift", override.pk)
    response = chief_client.post(url, {"confirmed": "yes", "reason": REASON}, follow=True)
    assert messages_of(response) == ["The override was over already."]
    assert url not in text_of(page(chief_client, RegistrationOverride, "change", override.pk))
    assert not AuditRecord.objects.filter(action=AuditAction.OVERRIDE_LIFTED).exists()


def test_who_may_only_look_neither_sets_nor_lifts(viewer_client: Client) -> None:
    override = make_override()
    lift = admin_url(RegistrationOverride, "lift", override.pk)
    shown = page(viewer_client, RegistrationOverride, "change", override.pk)
    assert shown.status_code == 200
    assert lift not in text_of(shown)
    assert viewer_client.post(lift, {"confirmed": "yes", "reason": REASON}).status_code == 403
    assert add(viewer_client, address="140.114.64.1").status_code == 403
    assert RegistrationOverride.objects.filter(lifted_at__isnull=True).count() == 1


def test_the_list_tells_what_stands_and_finds_an_address(chief_client: Client) -> None:
    stands, over = make_override(), make_override("140.114.64.15", "refuse", days=-1)
    lifted = make_override("140.114.64.1", "refuse")
    RegistrationOverride.objects.filter(pk=lifted.pk).update(lifted_at=timezone.now())

    def found(**query: str) -> list[RegistrationOverride]:
        response = page(chief_client, RegistrationOverride, "changelist", **query)
        return list(response.context["cl"].result_list)

    assert found(state="in_force") == [stands]
    assert found(state="over") == [lifted, over]
    assert found(q="140.114.64.1") == [lifted]
    assert found(q="nobody") == []
