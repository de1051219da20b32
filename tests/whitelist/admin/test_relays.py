"""Relays in the back office: how they stand, who counts, and tokens that are shown once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.whitelist.admin.staff import REASON, make_entry, page, text_of
from tests.whitelist.relay_map.asking import Asker, opened
from whitelist.admin_display import admin_url
from whitelist.models import AuditRecord, Relay, ServiceSettings, WhitelistEntry
from whitelist.models.relay import LOCAL_RELAY

pytestmark = pytest.mark.django_db
TOKEN = re.compile(r'<code id="token">([\w-]{43})</code>')


@pytest.fixture
def client(chief_client: Client) -> Client:
    chief_client.cookies["django_language"] = "en"
    return chief_client


@pytest.fixture
def relay(db: None) -> Asker:
    return Asker("mx1")


def shown(client: Client, relay: Asker) -> str:
    return text_of(page(client, Relay, "change", relay.row.pk))


def token_of(response) -> str:
    found = TOKEN.search(text_of(response))
    assert found is not None
    return found[1]


def test_a_relay_is_added_and_its_token_shown_once(client: Client, chief: User) -> None:
    data = {"name": "mx1", "is_active": "on", "installed_serial": "99"}
    response = client.post(admin_url(Relay, "add"), data)
    assert "no-store" in response["Cache-Control"]
    asker = Asker.__new__(Asker)
    asker.name, asker.token, asker.client = "mx1", token_of(response), Client()
    assert asker.ask().status_code == 200
    assert (asker.row.is_active, asker.row.installed_serial) == (True, 0)
    record = AuditRecord.objects.get()
    assert (record.actor, (record.after or {})["relay"]) == (chief.username, "mx1")
    assert asker.token not in shown(client, asker)
    assert asker.token not in text_of(page(client, Relay, "changelist"))


def test_a_relay_may_be_added_without_being_waited_for(client: Client) -> None:
    client.post(admin_url(Relay, "add"), {"name": "mx1"})
    assert not Relay.objects.get(name="mx1").is_active


@pytest.mark.parametrize("name", ["", "local", "mx 1", "mx1{", "x" * 101])
def test_a_name_that_is_taken_or_of_another_form_is_refused(client: Client, name: str) -> None:
    response = client.post(admin_url(Relay, "add"), {"name": name, "is_active": "on"})
    assert response.context["adminform"].form.errors.keys() == {"name"}
    assert Relay.objects.count() == 1


def test_a_new_token_wants_a_reason_and_voids_the_old_one(client: Client, relay: Asker) -> None:
    url = admin_url(Relay, "rotate", relay.row.pk)
    assert "Give mx1 a new token?" in text_of(client.get(url))
    assert client.post(url, {"confirmed": "yes"}).context["form"].errors.keys() == {"reason"}
    assert relay.ask().status_code == 200
    response = client.post(url, {"confirmed": "yes", "reason": REASON})
    assert relay.ask().status_code == 401
    relay.token = token_of(response)
    assert relay.ask().status_code == 200
    assert AuditRecord.objects.filter(reason=REASON).count() == 1


def test_the_local_relay_has_no_token_to_give(client: Client) -> None:
    local = Relay.objects.get(name=LOCAL_RELAY)
    assert "New token" not in text_of(page(client, Relay, "change", local.pk))
    url = admin_url(Relay, "rotate", local.pk)
    assert client.post(url, {"confirmed": "yes", "reason": REASON}).status_code == 403
    assert Relay.objects.get(name=LOCAL_RELAY).token_digest is None


def test_who_may_only_look_neither_adds_nor_rotates(viewer_client: Client, relay: Asker) -> None:
    url = admin_url(Relay, "rotate", relay.row.pk)
    assert viewer_client.get(url).status_code == 403
    assert viewer_client.post(url, {"confirmed": "yes", "reason": REASON}).status_code == 403
    assert viewer_client.post(admin_url(Relay, "add"), {"name": "mx2"}).status_code == 403
    assert "New token" not in shown(viewer_client, relay)
    assert relay.ask().status_code == 200


def test_taking_a_lagging_relay_out_of_the_count_lets_entries_take_effect(
    client: Client, relay: Asker
) -> None:
    entry = make_entry(11, timezone.now())
    Relay.objects.filter(name=LOCAL_RELAY).update(installed_serial=entry.serial)
    client.post(admin_url(Relay, "change", relay.row.pk), {})
    assert not relay.row.is_active
    assert WhitelistEntry.objects.get(pk=entry.pk).effective_at is not None


def test_nothing_else_of_a_relay_can_be_changed(client: Client, relay: Asker) -> None:
    before = relay.row.token_digest
    data = {
        "name": "other", "is_active": "on", "installed_serial": "9", "last_error": "x",
        "token_digest": "0" * 64, "version": "9", "clock_offset": "9",
    }  # fmt: skip
    client.post(admin_url(Relay, "change", relay.row.pk), data)
    row = relay.row
    assert (row.installed_serial, row.last_error, row.version) == (0, "", "")
    assert (row.token_digest, row.clock_offset) == (before, None)
    assert not AuditRecord.objects.filter(after__is_active=True).exclude(
        after__has_key="token_issued_at"
    )


def test_the_page_says_how_a_relay_stands(client: Client, relay: Asker) -> None:
    make_entry(11, timezone.now())
    make_entry(12, timezone.now())
    assert "Never reported" in shown(client, relay)
    relay.report(serial=1, version="1.2")
    text = shown(client, relay)
    assert "Behind" in text
    assert "1 change" in text
    assert "1.2" in text
    relay.report(serial=2)
    assert "In sync" in shown(client, relay)
    relay.report(serial=2, error="no space left on device")
    text = shown(client, relay)
    assert "no space left on device" in text
    assert ">Error<" in text


def test_a_silent_relay_is_called_so_after_the_set_time(client: Client, relay: Asker) -> None:
    relay.report()
    late = timezone.now() - timedelta(seconds=70)
    Relay.objects.filter(name="mx1").update(reported_at=late)
    assert ">Silent<" in shown(client, relay)
    ServiceSettings.objects.update(relay_silent_seconds=80)
    assert ">Silent<" not in shown(client, relay)


@pytest.mark.parametrize(
    ("offset", "tagged"), [(0.4, False), (-1.5, False), (3600, True), (-3600, True)]
)
def test_a_clock_that_is_off_is_marked(
    client: Client, relay: Asker, offset: float, tagged: bool
) -> None:
    relay.report(time=timezone.now().timestamp() + offset)
    Relay.objects.filter(name="mx1").update(clock_offset=offset)
    told = f"{offset:+.1f} s against ours"
    text = shown(client, relay)
    assert told in text
    assert (f'<span class="tag warn">{told}' in text) is tagged


@pytest.mark.parametrize(
    ("digest", "said"),
    [("", "What was sent, by its digest"), ("ab" * 32, "Not what was sent: its digest differs")],
    ids=["right", "wrong"],
)
def test_another_digest_than_that_of_what_was_sent_is_told(
    client: Client, relay: Asker, digest: str, said: str
) -> None:
    make_entry(11, timezone.now())
    sent = opened(relay.ask().content)
    assert sent.records
    fields = {"serial": sent.serial, "issued_at": sent.issued_at}
    relay.report(**fields, digest=digest or sent.digest)
    # A slot may have ended in between: then nothing can be said.
    Relay.objects.filter(name="mx1").update(
        reported_at=datetime.fromtimestamp(sent.issued_at + 1, UTC)
    )
    assert said in shown(client, relay)


def test_an_older_snapshot_is_not_compared(client: Client, relay: Asker) -> None:
    make_entry(11, timezone.now())
    relay.report(serial=0)
    text = shown(client, relay)
    assert "What was sent" not in text
    assert "Not what was sent" not in text
