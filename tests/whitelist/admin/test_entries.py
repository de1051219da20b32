"""Ending entries: asked first, with a reason, audited; nothing else can touch them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.whitelist.admin.staff import (
    REASON,
    act,
    make_entry,
    make_staff,
    messages_of,
    page,
    signed_in,
    text_of,
)
from whitelist.admin_display import admin_url
from whitelist.entries import do_end_due_entries
from whitelist.models import AccessMap, AuditRecord, WhitelistEntry
from whitelist.models.audit import ActorKind, AuditAction
from whitelist.models.entry import EndReason

pytestmark = pytest.mark.django_db

TERMS = ("140.114.64.11", "::ffff:140.114.64.11", "140.114.64.", "lab11.ee", "s112062511", "王小")
LONG_AGO = timedelta(hours=2)


@pytest.fixture
def entry(db: None) -> WhitelistEntry:
    return make_entry(11, timezone.now())


@pytest.fixture
def lapsed(db: None) -> WhitelistEntry:
    return make_entry(12, timezone.now() - LONG_AGO)


@pytest.fixture(autouse=True)
def english(chief_client: Client) -> None:
    chief_client.cookies["django_language"] = "en"


def end_url(entry: WhitelistEntry) -> str:
    return admin_url(WhitelistEntry, "end", entry.pk)


def test_the_end_page_asks_first_and_changes_nothing(
    chief_client: Client, entry: WhitelistEntry
) -> None:
    response = chief_client.get(end_url(entry))
    assert entry.reference in text_of(response)
    assert WhitelistEntry.objects.get().ended_at is None


def test_an_entry_ends_with_the_reason_and_the_relays_get_a_new_serial(
    chief_client: Client, chief: User, entry: WhitelistEntry
) -> None:
    before = AccessMap.objects.get().serial
    response = chief_client.post(end_url(entry), {"confirmed": "yes", "reason": REASON})
    assert response.status_code == 302
    ended = WhitelistEntry.objects.get()
    assert (ended.end_reason, ended.end_note) == (EndReason.STAFF, REASON)
    assert ended.ended_at is not None
    assert AccessMap.objects.get().serial == ended.serial == before + 1


def test_ending_is_audited_with_who_and_why(
    chief_client: Client, chief: User, entry: WhitelistEntry
) -> None:
    chief_client.post(end_url(entry), {"confirmed": "yes", "reason": REASON})
    record = AuditRecord.objects.get(action=AuditAction.ENDED)
    assert (record.actor_kind, record.actor) == (ActorKind.STAFF, chief.username)
    assert (record.reason, record.entry_id, record.address) == (REASON, entry.pk, entry.address)
    assert record.before is not None
    assert record.after is not None
    assert record.before["ended_at"] is None
    assert record.after["ended_at"] is not None


@pytest.mark.parametrize("reason", ["", "   "])
def test_without_a_reason_nothing_ends(
    chief_client: Client, entry: WhitelistEntry, reason: str
) -> None:
    response = chief_client.post(end_url(entry), {"confirmed": "yes", "reason": reason})
    assert response.status_code == 200
    assert response.context["form"].errors["reason"]
    assert WhitelistEntry.objects.get().ended_at is None


def test_a_post_that_was_not_confirmed_asks_again(
    chief_client: Client, entry: WhitelistEntry
) -> None:
    response = chief_client.post(end_url(entry), {"reason": REASON})
    assert response.status_code == 200
    assert WhitelistEntry.objects.get().ended_at is None


def test_an_entry_that_lapsed_meanwhile_is_said_to_have_ended(
    chief_client: Client, lapsed: WhitelistEntry
) -> None:
    confirmed = {"confirmed": "yes", "reason": REASON}
    response = chief_client.post(end_url(lapsed), confirmed, follow=True)
    assert any("ended already" in message for message in messages_of(response))
    assert WhitelistEntry.objects.get().ended_at is None


def test_the_action_asks_first_for_all_that_are_selected(
    chief_client: Client, entry: WhitelistEntry
) -> None:
    other = make_entry(13, timezone.now())
    response = act(chief_client, WhitelistEntry, "end_selected", entry.pk, other.pk)
    assert entry.reference in text_of(response)
    assert other.reference in text_of(response)
    assert WhitelistEntry.objects.active(timezone.now()).count() == 2


def test_the_action_ends_the_selected_ones_only_and_names_what_had_ended(
    chief_client: Client, entry: WhitelistEntry, lapsed: WhitelistEntry
) -> None:
    do_end_due_entries(timezone.now())
    left = make_entry(13, timezone.now())
    response = act(
        chief_client,
        WhitelistEntry,
        "end_selected",
        entry.pk,
        lapsed.pk,
        confirmed="yes",
        reason=REASON,
    )
    done, late = messages_of(response)
    assert entry.reference in done
    assert lapsed.reference in late
    assert list(WhitelistEntry.objects.active(timezone.now())) == [left]
    lapsed.refresh_from_db()
    assert lapsed.end_reason == EndReason.EXPIRED


def test_the_action_without_a_reason_ends_nothing(
    chief_client: Client, entry: WhitelistEntry
) -> None:
    act(chief_client, WhitelistEntry, "end_selected", entry.pk, confirmed="yes", reason="")
    assert WhitelistEntry.objects.get().ended_at is None


def test_the_state_shown_follows_the_expiry_and_not_the_closing(
    chief_client: Client, lapsed: WhitelistEntry
) -> None:
    assert lapsed.ended_at is None
    response = page(chief_client, WhitelistEntry, "changelist", state="ended")
    assert lapsed.reference in text_of(response)
    assert '<span class="tag off">Ended</span>' in text_of(response)
    assert lapsed.reference not in text_of(
        page(chief_client, WhitelistEntry, "changelist", state="active")
    )


def test_an_entry_is_applying_until_it_took_effect(
    chief_client: Client, entry: WhitelistEntry
) -> None:
    def shown(state: str) -> bool:
        response = page(chief_client, WhitelistEntry, "changelist", state=state)
        return entry.reference in text_of(response)

    assert (shown("applying"), shown("active")) == (True, False)
    WhitelistEntry.objects.update(effective_at=timezone.now())
    assert (shown("applying"), shown("active")) == (False, True)


@pytest.mark.parametrize("term", TERMS)
def test_an_entry_is_found_by(chief_client: Client, entry: WhitelistEntry, term: str) -> None:
    response = page(chief_client, WhitelistEntry, "changelist", q=term)
    assert [row.pk for row in response.context["cl"].result_list] == [entry.pk]


def test_an_entry_is_found_by_its_reference_alone(
    chief_client: Client, entry: WhitelistEntry
) -> None:
    make_entry(13, timezone.now())
    response = page(chief_client, WhitelistEntry, "changelist", q=entry.reference)
    assert [row.pk for row in response.context["cl"].result_list] == [entry.pk]


def test_an_exact_address_does_not_find_longer_ones(chief_client: Client) -> None:
    short, _long = make_entry(1, timezone.now()), make_entry(11, timezone.now())
    response = page(chief_client, WhitelistEntry, "changelist", q=short.address)
    assert [row.pk for row in response.context["cl"].result_list] == [short.pk]


def test_the_page_of_an_entry_tells_what_happened_to_it(
    chief_client: Client, entry: WhitelistEntry
) -> None:
    chief_client.post(end_url(entry), {"confirmed": "yes", "reason": REASON})
    text = text_of(page(chief_client, WhitelistEntry, "change", entry.pk))
    assert "Entry opened" in text
    assert "Entry ended" in text
    assert REASON.split("'")[0] in text


def test_entries_can_be_neither_added_nor_edited_nor_deleted(
    chief_client: Client, entry: WhitelistEntry
) -> None:
    data = {"address": "140.114.99.99", "expires_at_0": "2099-01-01", "expires_at_1": "00:00"}
    data["post"] = "yes"
    for name, args in (("add", ()), ("change", (entry.pk,)), ("delete", (entry.pk,))):
        response = chief_client.post(
            admin_url(WhitelistEntry, name, *args), {**data, "post": "yes"}
        )
        assert response.status_code == 403, name
    unchanged = WhitelistEntry.objects.get()
    assert (unchanged.address, unchanged.expires_at) == (entry.address, entry.expires_at)


def test_who_may_only_look_sees_no_way_to_end_and_is_refused_one(
    viewer_client: Client, entry: WhitelistEntry
) -> None:
    assert "end_selected" not in text_of(page(viewer_client, WhitelistEntry, "changelist"))
    assert end_url(entry) not in text_of(page(viewer_client, WhitelistEntry, "change", entry.pk))
    assert viewer_client.get(end_url(entry)).status_code == 403
    confirmed = {"confirmed": "yes", "reason": REASON}
    assert viewer_client.post(end_url(entry), confirmed).status_code == 403
    act(viewer_client, WhitelistEntry, "end_selected", entry.pk, **confirmed)
    assert WhitelistEntry.objects.get().ended_at is None


def test_the_stock_change_permission_is_enough_to_end(entry: WhitelistEntry) -> None:
    client = signed_in(make_staff("operator", "view", "change"))
    client.post(end_url(entry), {"confirmed": "yes", "reason": REASON})
    assert WhitelistEntry.objects.get().end_reason == EndReason.STAFF


def test_an_unknown_entry_is_not_found(chief_client: Client) -> None:
    assert chief_client.get(admin_url(WhitelistEntry, "end", 999)).status_code == 404
