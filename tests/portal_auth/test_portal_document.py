"""What docs/portal.md tells a portal's developers works as it stands there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import load_command_class
from django.test import Client
from django.utils import timezone

from portal_auth.errors import Refusal
from portal_auth.issuers import parsed_issuers
from portal_auth.tickets import FORBIDDEN_HEADERS, check_ticket

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "portal.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    (found,) = (text for text in blocks if containing in text)
    return str(found)


@pytest.fixture
def made_key(tmp_path: Path) -> Path:
    """The folder in which the document's openssl commands have run."""
    assert shutil.which("openssl"), "these promises need openssl, which Debian always has"
    script = block("sh", "openssl genpkey")
    subprocess.run(["sh", "-e", "-c", script], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


@pytest.fixture
def signed(made_key: Path) -> dict[str, str]:
    """The ticket and the link of the document's Python example."""
    script = block("python", "jwt.encode") + "\nprint(ticket)\nprint(link)\n"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=made_key, check=True, capture_output=True, text=True
    )
    ticket, link = run.stdout.split()
    return {"ticket": ticket, "link": link}


def issuers_with_key(folder: Path) -> bytes:
    document = json.loads(block("json", '"issuers"'))
    public_pem = (folder / "portal-2026-1.pub").read_text()
    document["issuers"][0]["keys"][0]["public_key"] = public_pem
    return json.dumps(document).encode()


def test_the_example_of_the_issuers_file_is_accepted_as_it_stands() -> None:
    issuers = parsed_issuers(block("json", '"issuers"').encode())
    assert set(issuers) == {"https://portal.example"}


def test_a_key_made_by_its_commands_and_a_ticket_by_its_example_are_accepted(
    made_key: Path, signed: dict[str, str]
) -> None:
    issuers = parsed_issuers(issuers_with_key(made_key))
    ticket = check_ticket(signed["ticket"], issuers=issuers, now=timezone.now())
    assert ticket.identity.name == "王小明"
    assert oct((made_key / "portal-2026-1.key").stat().st_mode)[-3:] == "600"


@pytest.mark.django_db
def test_the_link_of_the_example_opens_the_confirm_page(
    made_key: Path, signed: dict[str, str], issuers_file: Path
) -> None:
    issuers_file.write_bytes(issuers_with_key(made_key))
    path = signed["link"].removeprefix("https://services.example")
    page = Client().get(path, follow=True)
    assert page.redirect_chain == [("/portal/continue", 303)]
    assert "王小明" in page.content.decode()


def test_the_example_is_short() -> None:
    code = [line for line in block("python", "jwt.encode").splitlines() if line.strip()]
    imports = [line for line in code if line.startswith(("import", "from"))]
    assert len(code) - len(imports) <= 15


def test_every_code_and_every_forbidden_header_is_named() -> None:
    for code in Refusal:
        assert f"\n| {code:d} |" in DOCUMENT
    for name in FORBIDDEN_HEADERS:
        assert f"`{name}`" in DOCUMENT


def test_the_named_options_of_the_command_exist() -> None:
    parser = load_command_class("portal_auth", "portal_ticket").create_parser("", "portal_ticket")
    trying = DOCUMENT.partition("## Trying it out")[2]
    named = set(re.findall(r"--[a-z-]+", trying))
    assert named
    assert named <= set(parser._option_string_actions)
