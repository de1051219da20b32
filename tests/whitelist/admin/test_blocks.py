"""Blocks: made and lifted through their `do_…`, never edited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.whitelist.admin.staff import REASON, act, make_entry, messages_of, page, text_of
from tests.whitelist.factories import make_block
from whitelist.admin_display import admin_url
from whitelist.models import AuditRecord, Block, WhitelistEntry
from whitelist.models.audit import AuditAction
from whitelist.models.entry import EndReason

pytestmark = pytest.mark.django_db


def add_block(client: Client, **fields: str) -> Any:
    data = {"kind": "address", "subject": "140.114.64.0/24", "reason": "open relay", **fields}
    return client.post(admin_url(Block, "add"), data, follow=True)


def test_a_new_block_ends_what_is_active_under_it_and_says_how_many(
    chief_client: Client, chief: User
) -> None:
    inside, outside = make_entry(11, timezone.now()), make_entry(12, timezone.now())
    WhitelistEntry.objects.filter(pk=outside.pk).update(address="140.114.65.1")
    chief_client.cookies["django_language"] = "en"
    response = add_block(chief_client)
    assert "1 active entry was ended by this block." in messages_of(response)
    inside.refresh_from_db()
    outside.refresh_from_db()
    assert inside.end_reason == EndReason.SUSPENDED
    assert outside.ended_at is None
    block = Block.objects.get()
    assert (block.created_by, block.subject) == (chief, "140.114.64.0/24")
    assert AuditRecord.objects.filter(action=AuditAction.BLOCKED, actor=chief.username).exists()


def test_a_block_of_a_person_ends_their_entries(chief_client: Client) -> None:
    entry = make_entry(11, timezone.now())
    add_block(chief_client, kind="person", subject=entry.requester_subject)
    entry.refresh_from_db()
    assert entry.end_reason == EndReason.SUSPENDED


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "140.114.64"},
        {"subject": "140.114.64.1/24"},
        {"subject": "fe80::1%eth0"},
        {"subject": ""},
        {"reason": ""},
        {"until_0": "2020-01-01", "until_1": "00:00:00"},
    ],
)
def test_a_block_that_makes_no_sense_is_refused(
    chief_client: Client, fields: dict[str, str]
) -> None:
    response = add_block(chief_client, **fields)
    assert response.status_code == 200
    assert response.context["adminform"].form.errors
    assert not Block.objects.exists()


def test_a_block_cannot_be_edited_or_deleted(chief_client: Client) -> None:
    block = make_block("140.114.64.0/24")
    data = {"kind": "address", "subject": "10.0.0.1", "reason": "edited", "post": "yes"}
    assert chief_client.post(admin_url(Block, "change", block.pk), data).status_code == 403
    assert chief_client.post(admin_url(Block, "delete", block.pk), data).status_code == 403
    assert Block.objects.get().subject == "140.114.64.0/24"


def test_lifting_wants_a_reason_and_is_audited(chief_client: Client, chief: User) -> None:
    block = make_block("140.114.64.0/24")
    url = admin_url(Block, "lift", block.pk)
    assert chief_client.get(url).status_code == 200
    assert chief_client.post(url, {"confirmed": "yes", "reason": ""}).status_code == 200
    assert Block.objects.get().lifted_at is None
    chief_client.post(url, {"confirmed": "yes", "reason": REASON})
    assert Block.objects.get().lifted_at is not None
    record = AuditRecord.objects.get(action=AuditAction.BLOCK_LIFTED)
    assert (record.actor, record.reason) == (chief.username, REASON)


def test_the_action_lifts_several_and_says_which_were_lifted_already(
    chief_client: Client,
) -> None:
    chief_client.cookies["django_language"] = "en"
    first, second = make_block("140.114.64.0/24"), make_block("140.114.65.0/24")
    Block.objects.filter(pk=first.pk).update(lifted_at=timezone.now())
    confirmed = {"confirmed": "yes", "reason": REASON}
    response = act(chief_client, Block, "lift_selected", first.pk, second.pk, **confirmed)
    assert messages_of(response) == [
        "Lifted 1 block.",
        "1 block had been lifted already.",
    ]
    assert not Block.objects.in_force(timezone.now()).exists()


def test_an_address_finds_the_blocks_around_it(chief_client: Client) -> None:
    around = make_block("140.114.64.0/24")
    make_block("140.114.65.0/24")
    response = page(chief_client, Block, "changelist", q="140.114.64.154")
    assert list(response.context["cl"].result_list) == [around]


def test_the_filter_tells_what_is_in_force_from_what_is_over(chief_client: Client) -> None:
    running, over = make_block("140.114.64.0/24"), make_block("140.114.65.0/24")
    Block.objects.filter(pk=over.pk).update(until=timezone.now() - timedelta(seconds=1))

    def found(state: str) -> list[Block]:
        return list(page(chief_client, Block, "changelist", state=state).context["cl"].result_list)

    assert found("in_force") == [running]
    assert found("over") == [over]


def test_who_may_only_look_can_neither_block_nor_lift(viewer_client: Client) -> None:
    block = make_block("140.114.64.0/24")
    assert add_block(viewer_client).status_code == 403
    url = admin_url(Block, "lift", block.pk)
    assert viewer_client.post(url, {"confirmed": "yes", "reason": REASON}).status_code == 403
    assert url not in text_of(page(viewer_client, Block, "change", block.pk))
    assert "lift_selected" not in text_of(page(viewer_client, Block, "changelist"))
    act(viewer_client, Block, "lift_selected", block.pk, confirmed="yes", reason=REASON)
    assert Block.objects.get().lifted_at is None
