"""Pages for when something went wrong."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import SuspiciousOperation
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from tests.whitelist.pages.member import PAGE, Browser, text_of
from tests.whitelist.pages.test_markup import assert_sound
from whitelist.pages import errors, information


def with_language(view_name: str, language: str) -> HttpResponse:
    with translation.override(language):
        answer: HttpResponse = getattr(errors, view_name)(RequestFactory().get("/"))
    return answer


@pytest.mark.parametrize("language", ["en", "zh-hant"])
@pytest.mark.parametrize(("view", "status"), [("server_error", 500), ("unavailable", 503)])
def test_what_is_our_fault_is_said_without_database_or_session(
    view: str, status: int, language: str
) -> None:
    # No django_db mark: a query would fail this test.
    answer = with_language(view, language)
    assert answer.status_code == status
    assert "no-store" in answer["Cache-Control"]
    assert_sound(answer)
    assert re.search(r'<p class="under other" lang="(en|zh-Hant)">', text_of(answer))


def test_unavailable_says_when_to_come_back() -> None:
    assert int(with_language("unavailable", "en")["Retry-After"]) > 0


def test_a_broken_installation_still_says_something() -> None:
    storages = {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }
    with override_settings(STORAGES=storages):
        answer = with_language("server_error", "en")
    assert answer.status_code == 500
    assert "Something went wrong" in text_of(answer)


@pytest.mark.django_db
def test_a_crash_is_answered_by_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_arguments: object) -> None:
        raise RuntimeError("crash")

    browser = Browser().sign_in()
    monkeypatch.setattr(information, "page_state", crash)
    browser.client.raise_request_exception = False
    with CaptureQueriesContext(connection):
        answer = browser.get("/")
    assert answer.status_code == 500
    assert "Something went wrong here" in text_of(answer)
    assert "RuntimeError" not in text_of(answer)


@pytest.mark.django_db
def test_a_page_that_is_none_is_404_for_anybody() -> None:
    answer = Client(headers={"accept-language": "en"}).get("/no-such-page")
    assert answer.status_code == 404
    assert "There is no such page" in text_of(answer)
    assert_sound(answer)


@pytest.mark.django_db
def test_a_request_that_cannot_be_read_is_400() -> None:
    request = RequestFactory().get("/")
    with translation.override("en"):
        answer = errors.bad_request(request, SuspiciousOperation("x"))
    assert answer.status_code == 400
    assert_sound(answer)


@pytest.mark.django_db
def test_a_wrong_host_is_400_and_repeats_nothing() -> None:
    answer = Client().get(PAGE, headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "evil.example" not in text_of(answer)


@pytest.mark.django_db
def test_forbidden_is_403() -> None:
    request = RequestFactory().get("/")
    with translation.override("en"):
        answer = errors.forbidden(request, PermissionError("x"))
    assert answer.status_code == 403
    assert_sound(answer)


@pytest.mark.django_db
def test_a_stale_form_is_403_and_says_that_nothing_was_done() -> None:
    browser = Browser().sign_in()
    answer = browser.client.post(PAGE, {"csrfmiddlewaretoken": "x" * 64})
    assert answer.status_code == 403
    assert "Nothing was changed" in text_of(answer)
    assert_sound(answer)
