"""What may not run: the simulator in production, a broken issuers file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django.fixtures import Settings

from portal_auth.checks import simulator_conflict
from tests.portal_auth.portal import TestPortal

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("debug", "scheme", "hostname", "fine"),
    [
        (False, "http", "127.0.0.1", True),
        (False, "http", "127.9.8.7", True),
        (False, "http", "::1", True),
        (False, "http", "localhost", True),
        (False, "http", "LocalHost", True),
        (True, "https", "services.example", True),
        (False, "https", "127.0.0.1", False),
        (False, "https", "localhost", False),
        (False, "http", "services.example", False),
        (False, "http", "140.114.64.154", False),
        (False, "http", "::", False),
        (False, "http", "localhost.example", False),
        (False, "http", "127.0.0.1.example", False),
        (False, "http", "127.1", False),
        (False, "http", "::ffff:140.114.64.154", False),
        (False, "http", "", False),
    ],
)
def test_the_simulator_is_for_developers_machines(
    debug: bool, scheme: str, hostname: str, fine: bool
) -> None:
    assert (simulator_conflict(True, debug, scheme, hostname) is None) == fine
    assert simulator_conflict(False, debug, scheme, hostname) is None


def ids(**options: bool) -> set[str]:
    found = run_checks(**options)  # type: ignore[arg-type]
    names = {message.id or "" for message in found}
    return {name for name in names if name.startswith("portal_auth.")}


def test_nothing_is_wrong_with_a_portal_on_a_developers_machine(portal: TestPortal) -> None:
    assert portal.issuers()
    assert ids(include_deployment_checks=True) == set()


@pytest.mark.usefixtures("portal")
def test_a_simulator_in_production_is_an_error(settings: Settings) -> None:
    settings.BASE_URL = "https://services.example"
    assert ids() == {"portal_auth.E001"}
    settings.PORTAL_SIMULATOR = False
    assert ids() == set()


@pytest.mark.usefixtures("portal")
def test_a_broken_issuers_file_is_an_error_with_its_reason(issuers_file: Path) -> None:
    assert ids() == set()
    issuers_file.write_text('{"issuers": [{}]}')
    assert ids(include_deployment_checks=True) == {"portal_auth.E002"}
    (message,) = (m for m in run_checks() if m.id == "portal_auth.E002")
    assert message.msg == f"PORTAL_ISSUERS_FILE: {issuers_file}: issuers[0] lacks iss"
    issuers_file.unlink()
    assert ids() == {"portal_auth.E002"}


def test_an_issuers_file_without_an_issuer_is_an_error(issuers_file: Path) -> None:
    issuers_file.write_text('{"issuers": []}')
    assert ids(include_deployment_checks=True) == {"portal_auth.E002"}
    (message,) = (m for m in run_checks() if m.id == "portal_auth.E002")
    assert message.msg == f"PORTAL_ISSUERS_FILE: {issuers_file}: issuers is empty"


def test_a_deployment_without_any_portal_is_warned_of(settings: Settings) -> None:
    settings.PORTAL_ISSUERS_FILE = None
    assert ids() == set()
    assert ids(include_deployment_checks=True) == {"portal_auth.W001"}


@pytest.mark.parametrize(
    ("base_url", "fine"), [("http://127.0.0.1:8000", True), ("https://services.example", False)]
)
def test_the_service_does_not_start_with_the_simulator_in_production(
    base_url: str, fine: bool, tmp_path: Path
) -> None:
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "x" * 60, "VAR_DIR": str(tmp_path)}
    environment |= {"PORTAL_SIMULATOR": "on", "BASE_URL": base_url}
    run = subprocess.run(
        [sys.executable, "-c", "import whitelist_site.settings"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (run.returncode == 0) == fine
    if not fine:
        assert run.stderr.startswith("setting PORTAL_SIMULATOR: the portal simulator signs anybody")
        assert run.stderr.count("\n") == 1
