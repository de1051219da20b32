"""A NUL character comes no further than the door."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.whitelist.admin.staff import signed_in
from whitelist_site.nul import TICKETS

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def plain_static_files(settings: Settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def chief() -> Client:
    return signed_in(User.objects.create_superuser("chief", "chief@example.edu.tw", "x"))


@pytest.mark.parametrize(
    "url",
    [
        "/admin/whitelist/network/?kind__exact=%00",
        "/admin/whitelist/network/?unit=%00",
        "/admin/whitelist/whitelistentry/?q=%00",
        "/admin/whitelist/auditrecord/?reason=%00",
        "/admin/whitelist/network/?%00=1",
        "/admin/whitelist/network/a%00/change/",
        "/smtp-whitelist/history?page=%00",
    ],
)
def test_in_the_path_or_the_query_it_is_400(chief: Client, url: str) -> None:
    assert chief.get(url).status_code == 400


@pytest.mark.parametrize("fields", [{"username": "a\0"}, {"other": "\0"}, {"a\0": "b"}])
@pytest.mark.parametrize("encoding", ["form", "multipart"])
def test_in_a_form_it_is_400(client: Client, fields: dict[str, str], encoding: str) -> None:
    body: dict[str, Any] = {"username": "lin", "password": "x", **fields}
    if encoding == "form":
        answer = client.post(LOGIN, body)
    else:
        text = "&".join(f"{name}={value}" for name, value in body.items())
        answer = client.post(LOGIN, text, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400


def test_in_a_cookie_it_is_400_however_it_is_written(client: Client) -> None:
    answer = client.get("/", headers={"cookie": r'session="abcdefgh\000ijkl"'})
    assert answer.status_code == 400


def test_the_answer_asks_nobody_who_is_signed_in(client: Client) -> None:
    answer = client.get("/?x=%00", headers={"cookie": "session=abcdefghijkl"})
    assert answer["Content-Type"].startswith("text/plain")
    assert not hasattr(answer.wsgi_request, "session")


def test_a_ticket_with_one_is_refused_as_any_malformed_ticket(client: Client) -> None:
    assert reverse("portal_auth:enter") == TICKETS
    for answer in (client.get(TICKETS + "?ticket=a%00b"), client.post(TICKETS, {"ticket": "\0"})):
        assert answer.status_code == 403
        assert 'data-reason="-4"' in answer.content.decode()


def test_everything_else_passes(client: Client) -> None:
    assert client.get("/privacy?x=%01%20%ff").status_code == 200
    assert client.post(LOGIN, {"username": "林", "password": "x"}).status_code == 200


BODIES = {
    "large": "x=" + "y" * 3_000_000,
    "many fields": "&".join(["x=1"] * 1500),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_what_is_too_much_to_read_is_400_and_one_line_in_the_log(
    body: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.post(LOGIN, body, "application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert [record.exc_info for record in caplog.records] == [None]


def test_a_wrong_host_is_one_line_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert [record.exc_info for record in caplog.records] == [None]
