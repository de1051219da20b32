"""Every page of the back office that is not named as theirs is closed to unit network admins.

The pages are found by walking the site's URLs, so that a new one is tested without being named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from tests.whitelist.admin.staff import make_rows
from tests.whitelist.admin.unit_campus import ANYTHING

pytestmark = pytest.mark.django_db

# By hand, not from the site: a page that is opened to them has to be added here too.
OPEN = {
    "index", "login", "logout", "jsi18n", "password_change", "password_change_done",
    "one_time_codes", "one_time_codes_start", "one_time_codes_picture", "one_time_codes_confirm",
    "one_time_codes_backup", "one_time_codes_off",
    "whitelist_address", "whitelist_address_ask", "whitelist_registrationoverride_lift",
} | {
    f"whitelist_{model}_{name}"
    for model in ("network", "host", "registrationoverride")
    for name in ("changelist", "add", "change", "delete", "history")
}  # fmt: skip
MODELS = list(admin.site._registry)


@pytest.fixture
def client(unit_client: Client) -> Client:
    return unit_client


def admin_patterns() -> Iterator[tuple[str, URLPattern]]:
    site = next(p for p in get_resolver().url_patterns if getattr(p, "namespace", None) == "admin")
    assert isinstance(site, URLResolver)
    stack: list[tuple[str, Any]] = [("/admin/", p) for p in site.url_patterns]
    while stack:
        prefix, pattern = stack.pop()
        if isinstance(pattern, URLResolver):
            stack += [(prefix + str(pattern.pattern), p) for p in pattern.url_patterns]
        else:
            yield prefix, pattern


def prefix_of(model: type[Model]) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}_"


def parameters(pattern: URLPattern) -> dict[str, str]:
    """A row that is there: the first of the model whose page it is, else number one."""
    names = list(pattern.pattern.regex.groupindex)
    own = [m for m in MODELS if (pattern.name or "").startswith(prefix_of(m))]
    model = own[0] if own else None
    row = model._default_manager.first() if model else None
    number = str(row.pk) if row else "1"
    return {name: "whitelist" if name == "app_label" else number for name in names}


def closed_urls() -> dict[str, str]:
    urls = {}
    for _prefix, pattern in admin_patterns():
        if pattern.name and pattern.name not in OPEN:
            urls[pattern.name] = reverse(f"admin:{pattern.name}", kwargs=parameters(pattern))
    return urls


def test_every_other_page_of_the_site_is_closed_whatever_rights_they_were_given(
    unit_admin: User, client: Client, may_edit: bool
) -> None:
    make_rows(timezone.now())
    unit_admin.user_permissions.set(Permission.objects.all())
    urls = closed_urls()
    assert len(urls) > 80
    before = {model: model._default_manager.count() for model in MODELS}
    for name, url in urls.items():
        assert client.get(url).status_code == 403, name
        assert client.post(url, ANYTHING).status_code == 403, name
    assert {model: model._default_manager.count() for model in MODELS} == before
    assert not LogEntry.objects.exists()


def test_every_page_that_is_open_to_them_exists() -> None:
    assert {pattern.name for _prefix, pattern in admin_patterns()} >= OPEN


def test_the_same_pages_are_open_to_staff_who_are_not_confined(
    chief_client: Client, rows: None
) -> None:
    """The test above can fail: it is the confinement that closes them."""
    answers = {name: chief_client.get(url).status_code for name, url in closed_urls().items()}
    assert sum(status in {200, 302} for status in answers.values()) > len(answers) / 2, answers


def test_nonsense_below_the_admin_is_answered_alike(client: Client) -> None:
    for path in ("nonsense", "whitelist/nonsense/", "r/1/1/", "whitelist/", "autocomplete/"):
        assert client.get(f"/admin/{path}").status_code in {403, 404}


def test_the_index_tells_nothing_of_the_campus(client: Client, unit_admin: User) -> None:
    unit_admin.user_permissions.set(Permission.objects.all())
    response = client.get(reverse("admin:index"))
    assert response.context["facts"] == []
    assert response.context["records"] == []
    shown = [m["object_name"] for g in response.context["app_list"] for m in g["models"]]
    assert shown == ["Address", "Network", "Host", "RegistrationOverride"]
