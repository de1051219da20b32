"""What members read, edited in the back office: both languages, an order, a preview, an audit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from tests.whitelist.admin.staff import page, text_of
from whitelist.admin.preview import PREVIEW
from whitelist.admin_display import admin_url
from whitelist.models import (
    Alternative,
    Announcement,
    AuditRecord,
    MenuGroup,
    MenuService,
    ServiceSettings,
)

pytestmark = pytest.mark.django_db

NAMES = {"name_zh": "新服務", "name_en": "New service"}
TEXTS = {"text_zh": "說明文字", "text_en": "What it does"}
IN_ORDER = {**NAMES, "position": "5", "is_shown": "on"}


def whole_form(model: type[Model]) -> dict[str, str]:
    """A filled-in form that is right in every field."""
    if model is Announcement:
        return {**TEXTS, "since": "2026-11-20T08:00", "level": "warning", "pages": "all"}
    if model is MenuGroup:
        return {**IN_ORDER, "icon": "key"}
    other_site = {**IN_ORDER, **TEXTS, "url": "https://new.example.edu.tw/"}
    if model is MenuService:
        return {**other_site, "group": str(MenuGroup.objects.get(name_en="Wireless network").pk)}
    return other_site


def add(client: Client, model: type[Model], **fields: str) -> Any:
    return client.post(admin_url(model, "add"), {**whole_form(model), **fields})


def errors_of(response: Any) -> set[str]:
    form = response.context["adminform"].form
    return set(form.errors)


MODELS = [Announcement, MenuGroup, MenuService, Alternative]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@every_model
def test_a_row_is_added_changed_and_deleted_with_an_audit_record_each(
    chief_client: Client, chief: User, model: Any
) -> None:
    assert add(chief_client, model).status_code == 302
    row = model.objects.latest("pk")
    stem = "text" if model is Announcement else "name"
    changed = {**whole_form(model), f"{stem}_zh": "改過的文字"}
    chief_client.post(admin_url(model, "change", row.pk), changed)
    chief_client.post(admin_url(model, "delete", row.pk), {"post": "yes"})
    assert not model.objects.filter(pk=row.pk).exists()
    records = AuditRecord.objects.order_by("pk")
    assert {record.actor for record in records} == {chief.username}
    first, then = whole_form(model)[f"{stem}_zh"], "改過的文字"
    assert [texts(record.before, f"{stem}_zh") for record in records] == [None, first, then]
    assert [texts(record.after, f"{stem}_zh") for record in records] == [first, then, None]
    assert set(records[1].after or {}) == {model._meta.model_name, f"{stem}_zh"}


def texts(fields: dict[str, Any] | None, name: str) -> Any:
    return fields and fields[name]


def test_saving_without_a_change_leaves_no_record(chief_client: Client) -> None:
    add(chief_client, Alternative)
    row = Alternative.objects.latest("pk")
    chief_client.post(admin_url(Alternative, "change", row.pk), whole_form(Alternative))
    assert AuditRecord.objects.count() == 1


@every_model
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("nothing", ["", " \n "], ids=["empty", "blank"])
def test_a_text_that_is_missing_in_one_language_is_refused(
    chief_client: Client, model: Any, language: str, nothing: str
) -> None:
    before = model.objects.count()
    fields = {f for f in whole_form(model) if f.endswith(f"_{language}")}
    assert errors_of(add(chief_client, model, **dict.fromkeys(fields, nothing))) == fields
    assert model.objects.count() == before


@pytest.mark.parametrize("model", [MenuService, Alternative], ids=lambda model: model.__name__)
@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://a.example/", "mailto:a@b.example"])
def test_only_addresses_of_the_web_are_taken(chief_client: Client, model: Any, url: str) -> None:
    assert errors_of(add(chief_client, model, url=url)) >= {"url"}
    assert not model.objects.filter(**NAMES).exists()


@pytest.mark.parametrize(
    ("fields", "is_taken"),
    [
        ({"page": "whitelist-help"}, False),
        ({"url": ""}, False),
        ({"url": "", "is_shown": ""}, True),
        ({"url": "", "page": "whitelist-help"}, True),
    ],
    ids=["two places", "nowhere", "nowhere yet, and hidden", "a page of ours"],
)
def test_a_service_that_is_shown_leads_to_one_place(
    chief_client: Client, fields: dict[str, str], is_taken: bool
) -> None:
    add(chief_client, MenuService, **fields)
    assert MenuService.objects.filter(**NAMES).exists() is is_taken


def test_an_announcement_that_ends_before_it_begins_is_refused(chief_client: Client) -> None:
    assert add(chief_client, Announcement, until="2026-11-20T07:59").status_code == 200
    assert not Announcement.objects.exists()


def test_a_group_with_services_cannot_be_deleted(chief_client: Client) -> None:
    group = MenuGroup.objects.get(name_en="Email services")
    chief_client.post(admin_url(MenuGroup, "delete", group.pk), {"post": "yes"})
    assert MenuGroup.objects.filter(pk=group.pk).exists()


def test_the_numbers_are_changed_in_the_list_and_each_change_is_audited(
    chief_client: Client,
) -> None:
    rows = list(Alternative.objects.all())
    data = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
    for number, row in enumerate(rows):
        data |= {f"form-{number}-id": row.pk, f"form-{number}-position": 50 - number}
    assert chief_client.post(admin_url(Alternative, "changelist"), data).status_code == 302
    assert list(Alternative.objects.all()) == rows[::-1]
    changed = [set(record.after or {}) for record in AuditRecord.objects.all()]
    assert changed == [{"alternative", "position"}] * 2


def test_each_number_of_the_list_is_labelled_by_its_row(chief_client: Client) -> None:
    chief_client.cookies["django_language"] = "en"
    assert 'aria-label="Position of Newsletter service"' in text_of(
        page(chief_client, Alternative, "changelist")
    )


def test_times_are_those_of_the_service(chief_client: Client) -> None:
    add(chief_client, Announcement, until="2026-11-21T09:30")
    row = Announcement.objects.get()
    assert (row.since.isoformat(), str(row.until)) == (
        "2026-11-20T00:00:00+00:00",
        "2026-11-21 01:30:00+00:00",
    )


def test_an_audit_record_names_the_fields_in_words(chief_client: Client) -> None:
    chief_client.cookies["django_language"] = "en"
    add(chief_client, MenuService)
    text = text_of(page(chief_client, AuditRecord, "change", AuditRecord.objects.get().pk))
    assert '<th scope="row">menu service</th>' in text
    assert '<th scope="row">description (Chinese)</th><td>–</td><td>說明文字</td>' in text
    assert '<th scope="row">menu group</th><td>–</td><td>Wireless network</td>' in text


LANGUAGES = [("zh-hant", "zh"), ("en", "en")]
both_languages = pytest.mark.parametrize(("language", "suffix"), LANGUAGES)


@every_model
@both_languages
def test_a_preview_is_the_page_with_the_new_text_and_nothing_is_saved(
    chief_client: Client, model: Any, language: str, suffix: str
) -> None:
    MenuService.objects.filter(name_en="Guest accounts").update(page="whitelist", is_shown=True)
    rows = list(model.objects.values())
    fields = {"group": str(MenuGroup.objects.get(name_en="Yours").pk)}
    answer = add(chief_client, model, **{PREVIEW: language}, **fields)
    text = text_of(answer)
    assert answer.status_code == 200
    assert f'<html lang="{"en" if suffix == "en" else "zh-Hant"}">' in text
    assert 'class="note tell off preview"' in text
    shown = {name for name in whole_form(model) if name.endswith(f"_{suffix}")}
    if model is MenuGroup:  # without services it is no box
        shown = set()
    assert all(whole_form(model)[name] in text for name in shown)
    assert list(model.objects.values()) == rows
    assert not AuditRecord.objects.exists()
    assert not LogEntry.objects.exists()


def test_a_group_is_previewed_with_its_services(chief_client: Client) -> None:
    group = MenuGroup.objects.get(name_en="Yours")
    fields = {**whole_form(MenuGroup), PREVIEW: "en"}
    text = text_of(chief_client.post(admin_url(MenuGroup, "change", group.pk), fields))
    assert "New service</h2>" in text
    assert "My history" in text
    group.refresh_from_db()
    assert group.name_en == "Yours"


@pytest.mark.parametrize("model", [MenuService, Alternative], ids=lambda model: model.__name__)
def test_what_is_hidden_can_be_previewed(chief_client: Client, model: Any) -> None:
    text = text_of(add(chief_client, model, is_shown="", **{PREVIEW: "en"}))
    assert NAMES["name_en"] in text
    assert not model.objects.filter(**NAMES).exists()


def test_an_announcement_to_come_is_previewed_on_the_page_that_it_is_for(
    chief_client: Client,
) -> None:
    tomorrow = timezone.localtime(timezone.now() + timedelta(days=1))
    fields = {"since": f"{tomorrow:%Y-%m-%dT%H:%M}", "pages": "whitelist", PREVIEW: "en"}
    text = text_of(add(chief_client, Announcement, **fields))
    assert 'data-state="help"' in text
    assert TEXTS["text_en"] in text


def test_a_form_with_a_mistake_is_shown_again_and_not_previewed(chief_client: Client) -> None:
    response = add(chief_client, Alternative, name_en="", **{PREVIEW: "en"})
    assert errors_of(response) == {"name_en"}


def settings_form(client: Client, **changes: str) -> Any:
    form = page(client, ServiceSettings, "change", 1).context["adminform"].form
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    data = {name: "" if value is None else value for name, value in {**data, **changes}.items()}
    return client.post(admin_url(ServiceSettings, "change", 1), data)


def test_settings_are_previewed_on_the_help_page_without_a_reason(chief_client: Client) -> None:
    changes = {"contact_phone": "03-571-0000", "term_minutes": "45"}
    text = text_of(settings_form(chief_client, **changes, **{PREVIEW: "en"}))
    assert "03-571-0000" in text
    assert "<strong>45 minutes</strong>" in text
    settings = ServiceSettings.load()
    assert (settings.contact_phone, settings.term_minutes) == ("", 60)
    assert not AuditRecord.objects.exists()


def test_html_of_staff_is_shown_as_they_typed_it(chief_client: Client) -> None:
    fields = {"text_en": "<b>Down</b> tomorrow.\r\n\r\nSorry.", PREVIEW: "en"}
    text = text_of(add(chief_client, Announcement, **fields))
    assert "<p>&lt;b&gt;Down&lt;/b&gt; tomorrow.</p>" in text
    assert "<p>Sorry.</p>" in text


@every_model
def test_who_may_only_look_can_neither_change_nor_preview(
    viewer_client: Client, rows: None, model: Any
) -> None:
    row = model.objects.first()
    assert f'name="{PREVIEW}"' not in text_of(page(viewer_client, model, "change", row.pk))
    for fields in ({}, {PREVIEW: "en"}):
        answer = viewer_client.post(admin_url(model, "change", row.pk), whole_form(model) | fields)
        assert answer.status_code == 403
        assert add(viewer_client, model, **fields).status_code == 403
