"""`manage.py portal_ticket` mints what the service accepts, and nothing in production."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from portal_auth.errors import PortalCheckFailed
from portal_auth.issuers import configured_issuers
from portal_auth.tickets import Ticket, check_ticket
from tests.portal_auth.portal import TestPortal, new_rsa_key, write_issuers
from tests.portal_auth.steps import confirm, signed_in_as

WHO = ["--sub", "a0012345", "--role", "staff", "--status", "一般"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.VAR_DIR = tmp_path / "var"


def minted(*arguments: str, who: list[str] | None = None) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("portal_ticket", *(who or WHO), *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def checked(text: str) -> Ticket:
    return check_ticket(text, issuers=configured_issuers(), now=timezone.now())


def test_the_ticket_alone_is_on_standard_output_and_the_service_accepts_it() -> None:
    out, err = minted("--name", "王小明", "--unit", "電機", "--email", "w@example.org")
    assert out.count("\n") == 1
    identity = checked(out.strip()).identity
    assert (identity.subject, identity.name, identity.unit) == ("a0012345", "王小明", "電機")
    assert identity.email == "w@example.org"
    assert "ticket for a0012345 (staff, 一般), good for 120 s" in err


def test_the_summary_names_issuer_and_audience(settings: Settings) -> None:
    settings.BASE_URL = "http://127.0.0.1:9000"
    _, err = minted()
    assert "iss http://127.0.0.1:9000/portal-simulator, aud http://127.0.0.1:9000\n" in err


def test_two_tickets_are_two() -> None:
    assert checked(minted()[0].strip()).jti != checked(minted()[0].strip()).jti


@pytest.mark.django_db
def test_the_address_signs_the_person_in(settings: Settings) -> None:
    out, _ = minted("--url")
    assert out.startswith(f"{settings.BASE_URL}/portal/enter?ticket=")
    browser = Client()
    browser.get(out.strip().removeprefix(settings.BASE_URL))
    confirm(browser)
    assert signed_in_as(browser) == "a0012345"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--auth-time-ago", "1900"], -3),
        (["--iat-ago", "200"], -1),
        (["--iat-ago=-60"], -1),
        (["--lifetime", "121"], -4),
        (["--lifetime", "0"], -4),
        (["--aud", "https://other.example"], -4),
        (["--iss", "https://other.example"], -4),
        (["--kid", "other"], -4),
    ],
)
def test_tickets_that_are_refused_can_be_made(arguments: list[str], code: int) -> None:
    with pytest.raises(PortalCheckFailed) as refusal:
        checked(minted(*arguments)[0].strip())
    assert refusal.value.code == code


def test_an_rsa_key_of_ones_own_signs_for_its_own_issuer(
    tmp_path: Path, issuers_file: Path
) -> None:
    key = new_rsa_key()
    file = tmp_path / "own.key"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    portal = TestPortal(alg="RS256", keys={"own": key})
    write_issuers(issuers_file, portal)
    arguments = ["--key", str(file), "--kid", "own", "--iss", portal.iss, "--aud", portal.aud]
    assert checked(minted(*arguments)[0].strip()).identity.issuer == portal.iss


@pytest.mark.parametrize("content", [None, b"", b"no key"])
def test_an_unreadable_key_is_one_clear_line(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "own.key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CommandError, match="cannot read the key"):
        minted("--key", str(file))


@pytest.mark.parametrize(
    "changes",
    [
        {"BASE_URL": "https://services.example"},
        {"BASE_URL": "http://services.example"},
        {"BASE_URL": "https://127.0.0.1"},
    ],
)
def test_production_settings_mint_nothing(changes: dict[str, Any], settings: Settings) -> None:
    minted()
    for name, value in changes.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match="production"):
        minted()


def test_it_says_when_the_service_would_not_accept_the_ticket(settings: Settings) -> None:
    assert "PORTAL_SIMULATOR is off" not in minted()[1]
    settings.PORTAL_SIMULATOR = False
    assert "PORTAL_SIMULATOR is off" in minted()[1]


def test_the_account_the_role_and_the_status_are_required() -> None:
    for left_out in range(0, 6, 2):
        with pytest.raises(CommandError, match="required"):
            minted(who=WHO[:left_out] + WHO[left_out + 2 :])


def test_its_help_explains(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        call_command("portal_ticket", "--help")
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "Mint a portal hand-off ticket" in text
    assert "--auth-time-ago SECONDS" in text
