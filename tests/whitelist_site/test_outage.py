"""The database is away: every page says so, and says when to come back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from tests.real.services import Service

ROOT = Path(__file__).resolve().parents[2]
STATUS = "/smtp-whitelist/status.json"
COOKIES = "session=abcdefghijklmnopqrstuvwxyz012345; handoff=abcdefghijklmnopqrstuvwxyz012345"
# With the two cookies each of these asks the database: for the session, or for more.
PAGES = [
    "/",
    "/smtp-whitelist/",
    "/smtp-whitelist/history",
    "/smtp-whitelist/help",
    "/smtp-whitelist/code/abc.png",
    "/portal/continue",
    "/privacy",
    "/accessibility",
    "/admin/",
    "/admin/login/",
    "/no-such-page",
]


@pytest.fixture
def gone(transactional_db: None, tmp_path: Path, settings: Settings) -> Iterator[None]:
    """SQLite's file cannot be opened: a folder stands in its place."""
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's way to be away; PostgreSQL's is below")
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    connection.close()
    name, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], str(tmp_path)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


@pytest.fixture
def browser() -> Client:
    headers = {"cookie": COOKIES, "accept-language": "en"}
    return Client(raise_request_exception=False, REMOTE_ADDR="127.0.0.1", headers=headers)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_503(gone: None, browser: Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert "no-store" in answer["Cache-Control"]
    assert "Please try again in a moment" in answer.content.decode()


def test_a_form_that_is_sent_is_503(gone: None, browser: Client) -> None:
    assert browser.post("/admin/login/", {"username": "a", "password": "b"}).status_code == 503


def test_the_state_for_scripts_is_503_in_json(gone: None, browser: Client) -> None:
    answer = browser.get(STATUS)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert answer.json()["state"] == "unavailable"
    assert answer.json()["server_now"].endswith("Z")


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_machines_are_told_in_one_line(gone: None, browser: Client, path: str) -> None:
    answer = browser.get(path)
    assert (answer.status_code, answer.content) == (503, b"database: OperationalError\n")


def test_the_process_is_alive_all_the_same(gone: None, browser: Client) -> None:
    assert browser.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_another_failure_is_no_outage(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_arguments: object) -> None:
        raise RuntimeError("crash")

    monkeypatch.setattr("whitelist_site.health.not_ready", crash)
    monkeypatch.setattr("whitelist.pages.errors.page_without_request", lambda name: name)
    answer = browser.get("/readyz")
    assert (answer.status_code, answer.content) == (500, b"errors/500.html")


@pytest.mark.services
def test_a_postgresql_that_stops_under_the_service_is_503(
    private_postgres: Service, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ASKING],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": private_postgres.url,
            "VAR_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "whitelist_site.settings",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        before = json.loads(process.stdout.readline())
        private_postgres.server.stop()
        after, _errors = process.communicate(json.dumps([*PAGES, STATUS, "/metrics"]), timeout=60)
    finally:
        process.kill()
        process.wait()
        private_postgres.server.start()
    assert before == {"/healthz": 200, "/privacy": 200}
    assert json.loads(after) == dict.fromkeys([*PAGES, STATUS, "/metrics"], 503)


# A service in a process of its own: it asks itself with the database there, and again without.
ASKING = f"""
import json, sys
import django
from django.conf import settings
settings.DATABASES["default"]["OPTIONS"]["pool"]["timeout"] = 0.3
settings.STORAGES["staticfiles"] = {{
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}}
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
client = Client(
    raise_request_exception=False,
    REMOTE_ADDR="127.0.0.1",
    headers={{"host": "127.0.0.1", "cookie": {COOKIES!r}}},
)
def ask(paths):
    return json.dumps({{path: client.get(path).status_code for path in paths}})
print(ask(["/healthz", "/privacy"]), flush=True)
print(ask(json.loads(sys.stdin.read())), flush=True)
"""
