"""Every page of every registered model answers, in both languages, within its queries.

The pages are found by walking the site's registry: a new model is tested without being named
here, and fails until `make_rows` holds a row of it.
"""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.whitelist.admin.staff import (
    LANGUAGES,
    make_entry,
    make_rows,
    make_staff,
    page,
    signed_in,
    text_of,
)
from whitelist.admin_display import admin_url
from whitelist.models import AuditRecord, Host, WhitelistEntry

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
INLINE = re.compile(
    r"""\sstyle\s*=|<style|\son[a-z]+\s*=\s*["']|javascript:|<script(?![^>]*\ssrc=)(?!\sid="[^"]*"\stype="application/json")""",
    re.IGNORECASE,
)
TERMS = ("140.114.64.11", "2001:db8::1", "王", "%25", "W-20261124-1", "W-20261124-0001")
OWN_PAGES = ("index", "password_change", "one_time_codes", "whitelist_address")

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
both_languages = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def rows(module_transaction: None) -> None:
    """Made once: no test here keeps what it changes."""
    make_rows(timezone.now())


@pytest.fixture
def language() -> str:
    """English, where a test is not given another."""
    return "en"


@pytest.fixture
def client(chief_client: Client, language: str, rows: None) -> Client:
    chief_client.cookies["django_language"] = language
    return chief_client


def urls_of(client: Client, model: type[Model]) -> list[str]:
    """The pages of one model that a superuser can reach, from its list to its history."""
    model_admin = admin.site._registry[model]
    row = model._default_manager.first()
    assert row is not None, f"make_rows has no row of {model._meta.label}"
    urls = [admin_url(model, "changelist"), admin_url(model, "change", row.pk)]
    urls.append(admin_url(model, "history", row.pk))
    request = client.get(reverse("admin:index")).wsgi_request
    if model_admin.has_add_permission(request):
        urls.append(admin_url(model, "add"))
    if model_admin.has_delete_permission(request, row):
        urls.append(admin_url(model, "delete", row.pk))
    return urls


@every_model
@both_languages
def test_list_add_change_delete_and_history_answer_without_inline_code(
    client: Client, model: type[Model], language: str
) -> None:
    for url in urls_of(client, model):
        response = client.get(url, follow=True)
        assert response.status_code == 200, url
        assert response.headers["Content-Language"] == language
        assert not INLINE.findall(text_of(response)), url


@every_model
def test_every_search_filter_and_order_of_a_list_answers(
    client: Client, model: type[Model], language: str
) -> None:
    response = page(client, model, "changelist")
    changelist = response.context.get("cl")
    if changelist is None:  # a table of one row, which has no list
        return
    queries = [f"?q={term}" for term in TERMS]
    queries += [f"?o={number}" for number in changelist.get_ordering_field_columns()]
    for spec in changelist.filter_specs:
        queries += [choice["query_string"] for choice in spec.choices(changelist)]
    for query in queries:
        answer = client.get(admin_url(model, "changelist") + query)
        assert answer.status_code == 200, query


@both_languages
@pytest.mark.parametrize("name", OWN_PAGES)
def test_the_sites_own_pages_answer_without_inline_code(
    client: Client, name: str, language: str
) -> None:
    response = client.get(reverse(f"admin:{name}"))
    assert response.status_code == 200
    assert not INLINE.findall(text_of(response))


def test_a_user_without_any_permission_sees_an_index_without_facts(rows: None) -> None:
    response = signed_in(make_staff("nobody")).get(reverse("admin:index"))
    assert response.status_code == 200
    assert response.context["facts"] == []
    assert response.context["records"] == []


def test_the_index_states_what_is_active_and_applying(client: Client, language: str) -> None:
    facts = {fact.label: fact.value for fact in client.get(reverse("admin:index")).context["facts"]}
    assert facts["Active now"] == "4"
    assert facts["Applying"] == "3"
    assert facts["Relays in sync"] == "0 / 1"


def queries_for(client: Client, model: type[Model]) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert page(client, model, "changelist").status_code == 200
    return len(queries)


@pytest.mark.parametrize("model", [WhitelistEntry, Host, AuditRecord])
def test_the_number_of_queries_does_not_grow_with_the_rows(
    client: Client, model: type[Model], language: str
) -> None:
    before = queries_for(client, model)
    for number in range(20, 45):
        make_entry(number, timezone.now())
    assert queries_for(client, model) == before
    assert before <= 16


def test_the_index_takes_few_queries(client: Client, language: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("admin:index"))
    assert len(queries) <= 34


def test_lists_of_large_tables_never_count_all_their_rows(client: Client, language: str) -> None:
    for model in (Host, WhitelistEntry, AuditRecord):
        with CaptureQueriesContext(connection) as queries:
            page(client, model, "changelist")
        counts = [query["sql"] for query in queries if "COUNT(*)" in query["sql"]]
        assert counts
        assert all("LIMIT 10000" in sql for sql in counts), counts


@both_languages
def test_every_model_and_our_own_page_stand_in_the_sidebar_once(
    client: Client, language: str
) -> None:
    groups = client.get(reverse("admin:index")).context["app_list"]
    shown = [model["object_name"] for group in groups for model in group["models"]]
    assert sorted(shown) == sorted(["Address", *(model.__name__ for model in MODELS)])
    assert len(groups) == 6
