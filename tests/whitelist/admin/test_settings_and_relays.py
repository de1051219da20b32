"""Settings with a reason, pausing and resuming, relays, the map, and the audit itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from tests.whitelist.admin.staff import REASON, make_entry, page, text_of
from whitelist import outbox
from whitelist.admin.service_settings import PAUSE_FIELDS
from whitelist.admin_display import admin_url
from whitelist.models import AccessMap, AuditRecord, Relay, ServiceSettings
from whitelist.models.audit import AuditAction

pytestmark = pytest.mark.django_db


def form_data(client: Client, **changes: Any) -> dict[str, Any]:
    """What a browser would send back, with some fields changed."""
    form = page(client, ServiceSettings, "change", 1).context["adminform"].form
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    return {name: "" if value is None else value for name, value in {**data, **changes}.items()}


def save(client: Client, **changes: Any) -> Any:
    return client.post(admin_url(ServiceSettings, "change", 1), form_data(client, **changes))


def settings_record() -> AuditRecord:
    return AuditRecord.objects.get(action=AuditAction.SETTINGS_CHANGED)


def test_the_term_is_set_with_a_reason_and_audited_with_before_and_after(
    chief_client: Client, chief: User
) -> None:
    assert save(chief_client, term_minutes=45, reason=REASON).status_code == 302
    assert ServiceSettings.load().term_minutes == 45
    record = settings_record()
    assert (record.actor, record.reason) == (chief.username, REASON)
    assert (record.before, record.after) == ({"term_minutes": 60}, {"term_minutes": 45})


def test_a_change_without_a_reason_is_refused(chief_client: Client) -> None:
    response = save(chief_client, term_minutes=45)
    assert response.context["adminform"].form.errors.keys() == {"reason"}
    assert ServiceSettings.load().term_minutes == 60


def test_saving_without_a_change_wants_no_reason_and_leaves_no_record(
    chief_client: Client,
) -> None:
    assert save(chief_client).status_code == 302
    assert not AuditRecord.objects.exists()


@pytest.mark.parametrize("minutes", ["0", "-5", "1441", "", "an hour"])
def test_a_term_out_of_bounds_is_refused(chief_client: Client, minutes: str) -> None:
    response = save(chief_client, term_minutes=minutes, reason=REASON)
    assert response.context["adminform"].form.errors.keys() == {"term_minutes"}
    assert ServiceSettings.load().term_minutes == 60


@pytest.mark.parametrize("minutes", [1, 1440])
def test_a_term_at_its_bounds_is_taken(chief_client: Client, minutes: int) -> None:
    save(chief_client, term_minutes=minutes, reason=REASON)
    assert ServiceSettings.load().term_minutes == minutes


def test_the_form_cannot_pause_by_the_way(chief_client: Client) -> None:
    save(chief_client, paused="on", term_minutes=50, reason=REASON)
    assert not ServiceSettings.load().paused


def pause(client: Client, **fields: str) -> Any:
    data = {"confirmed": "yes", "reason": REASON, "pause_message_en": "Maintenance", **fields}
    return client.post(admin_url(ServiceSettings, "pause"), data)


def test_pausing_and_resuming_are_audited_with_their_reasons(chief_client: Client) -> None:
    until = timezone.localtime(timezone.now() + timedelta(hours=3))
    assert pause(chief_client, paused_until=f"{until:%Y-%m-%dT%H:%M}").status_code == 302
    settings = ServiceSettings.load()
    assert settings.is_paused(timezone.now())
    assert not settings.is_paused(until)
    assert settings.pause_message_en == "Maintenance"
    resumed = {"confirmed": "yes", "reason": "done"}
    chief_client.post(admin_url(ServiceSettings, "resume"), resumed)
    assert not ServiceSettings.load().is_paused(timezone.now())
    reasons = AuditRecord.objects.order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == [REASON, "done"]


def test_pausing_without_an_end_lasts_until_somebody_resumes(chief_client: Client) -> None:
    pause(chief_client, paused_until="")
    assert ServiceSettings.load().is_paused(timezone.now() + timedelta(days=999))


@pytest.mark.parametrize(
    "fields", [{"reason": ""}, {"paused_until": "2020-01-01T00:00"}, {"paused_until": "soon"}]
)
def test_a_pause_without_reason_or_with_a_wrong_end_is_refused(
    chief_client: Client, fields: dict[str, str]
) -> None:
    response = pause(chief_client, **fields)
    assert response.context["form"].errors.keys() == fields.keys()
    assert not ServiceSettings.load().paused


def test_the_pause_page_alone_pauses_nothing(chief_client: Client) -> None:
    assert chief_client.get(admin_url(ServiceSettings, "pause")).status_code == 200
    assert not ServiceSettings.load().paused


def test_the_settings_are_one_row_that_cannot_be_added_to_or_deleted(
    chief_client: Client,
) -> None:
    assert chief_client.post(admin_url(ServiceSettings, "add")).status_code == 403
    response = chief_client.post(admin_url(ServiceSettings, "delete", 1), {"post": "yes"})
    assert response.status_code == 403


def test_who_may_only_look_can_neither_change_pause_nor_publish(viewer_client: Client) -> None:
    text = text_of(page(viewer_client, ServiceSettings, "change", 1))
    assert "pause/" not in text
    assert 'name="reason"' not in text
    data = {"term_minutes": 5, "reason": REASON}
    assert viewer_client.post(admin_url(ServiceSettings, "change", 1), data).status_code == 403
    assert pause(viewer_client).status_code == 403
    assert viewer_client.post(admin_url(ServiceSettings, "resume")).status_code == 403
    assert viewer_client.post(admin_url(AccessMap, "publish")).status_code == 403
    assert ServiceSettings.load().term_minutes == 60


def test_of_a_relay_only_whether_it_counts_can_change(chief_client: Client) -> None:
    relay = Relay.objects.get()
    data = {"name": "other", "installed_serial": "99"}
    chief_client.post(admin_url(Relay, "change", relay.pk), data)
    relay.refresh_from_db()
    assert (relay.name, relay.is_active, relay.installed_serial) == ("local", False, 0)
    record = settings_record()
    assert (record.before, record.after) == (
        {"relay": "local", "is_active": True},
        {"relay": "local", "is_active": False},
    )
    assert chief_client.post(admin_url(Relay, "delete", relay.pk), data).status_code == 403


def test_publish_now_asks_the_worker_and_a_get_does_not(
    chief_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: sent.append(name))
    assert chief_client.get(admin_url(AccessMap, "publish")).status_code == 405
    assert sent == []
    assert chief_client.post(admin_url(AccessMap, "publish")).status_code == 302
    assert sent == [outbox.PUBLISH_TASK]


def test_the_map_cannot_be_edited(chief_client: Client) -> None:
    data = {"serial": "1", "published_serial": "9"}
    assert chief_client.post(admin_url(AccessMap, "change", 1), data).status_code == 403
    assert AccessMap.objects.get().published_serial == 0


def test_the_audit_can_be_neither_changed_nor_deleted_nor_written(chief_client: Client) -> None:
    make_entry(11, timezone.now())
    record = AuditRecord.objects.get()
    data = {"actor": "somebody else", "reason": "forged", "post": "yes"}
    for name, args in (("add", ()), ("change", (record.pk,)), ("delete", (record.pk,))):
        response = chief_client.post(admin_url(AuditRecord, name, *args), data)
        assert response.status_code == 403
    actions = {"action": "delete_selected", "_selected_action": [record.pk], "post": "yes"}
    chief_client.post(admin_url(AuditRecord, "changelist"), actions)
    assert AuditRecord.objects.get().actor == record.actor


def test_an_audit_record_shows_what_was_and_what_is(chief_client: Client) -> None:
    chief_client.cookies["django_language"] = "en"
    save(chief_client, term_minutes=45, contact_phone="<b>1</b>", reason=REASON)
    text = text_of(page(chief_client, AuditRecord, "change", settings_record().pk))
    assert '<tr class="changed"><th scope="row">term (minutes)</th><td>60</td><td>45</td>' in text
    assert "&lt;b&gt;1&lt;/b&gt;" in text
    assert "<b>1</b>" not in text


def test_the_extensions_window_says_that_it_is_about_what_the_page_offers() -> None:
    field = ServiceSettings._meta.get_field("extend_within_minutes")
    with override("en"):
        assert str(field.verbose_name) == "extension offered in the last (minutes)"
        assert "Asked for earlier, it is granted too" in str(field.help_text)


def test_every_setting_can_be_changed_somewhere():
    fieldsets = admin.site.get_model_admin(ServiceSettings).fieldsets or ()
    shown = {name for _title, options in fieldsets for name in options["fields"]}
    stored = {field.name for field in ServiceSettings._meta.fields}
    assert stored - shown == {"id", "paused", *PAUSE_FIELDS}
