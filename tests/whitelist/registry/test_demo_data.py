"""The demonstration campus: this machine's addresses show every answer of the service."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.whitelist.factories import make_identity, make_network
from whitelist.addresses import parse_address
from whitelist.models import (
    Alternative,
    AuditRecord,
    Host,
    MenuService,
    Network,
    ServiceSettings,
    WhitelistEntry,
)
from whitelist.rules import Reason, Situation, first_refusal

pytestmark = pytest.mark.django_db


def demo() -> str:
    said = io.StringIO()
    call_command("demo_data", stdout=said)
    return said.getvalue()


def answer(address: str) -> str | None:
    settings = ServiceSettings.load()
    situation = Situation(make_identity(), parse_address(address), timezone.now(), settings)
    refusal = first_refusal(situation)
    return refusal.reason.value if refusal else None


def test_the_loopback_addresses_show_every_answer() -> None:
    demo()
    answers = {
        "127.0.0.1": None,
        "::1": None,
        "127.0.0.2": None,
        "127.0.0.9": None,
        "127.0.0.20": None,
        "127.0.1.1": Reason.NO_NAME,
        "127.0.2.1": Reason.SHARED_ADDRESS,
        "127.0.3.1": Reason.GENERATED_NAME,
        "127.0.4.1": Reason.NEEDS_FORWARD,
        "127.0.5.5": Reason.SUSPENDED_ADDRESS,
        "127.0.6.1": Reason.SHARED_ADDRESS,
        "127.1.0.1": Reason.OFF_CAMPUS,
        "140.114.64.154": None,
        "2001:288:e001:64::154": None,
        "140.114.64.199": Reason.NEEDS_FORWARD,
        "140.114.76.1": Reason.SHARED_ADDRESS,
    }
    assert {address: answer(address) for address in answers} == answers


def test_it_says_in_one_line_what_it_loaded() -> None:
    said = demo()
    assert said == (
        f"demo_data: loaded {Network.objects.count()} networks, {Host.objects.count()} hosts,"
        " 1 block, 3 past entries\n"
    )


def test_the_second_run_changes_nothing() -> None:
    demo()
    before = AuditRecord.objects.count(), WhitelistEntry.objects.count()
    assert demo() == "demo_data: networks are loaded already, nothing changed\n"
    assert (AuditRecord.objects.count(), WhitelistEntry.objects.count()) == before


def test_past_entries_are_over() -> None:
    demo()
    assert WhitelistEntry.objects.count() == 3
    assert not WhitelistEntry.objects.open().exists()


def test_contacts_that_staff_entered_stay() -> None:
    ServiceSettings.objects.update(contact_email="ours@example.edu.tw")
    demo()
    settings = ServiceSettings.load()
    assert settings.contact_email == "ours@example.edu.tw"
    assert settings.contact_phone


def test_the_menu_leads_somewhere_and_addresses_that_staff_entered_stay() -> None:
    ours = "https://ours.example.edu.tw/"
    Alternative.objects.filter(name_en="Newsletter service").update(url=ours)
    demo()
    assert MenuService.objects.menu().count() == MenuService.objects.count()
    assert not Alternative.objects.filter(url="").exists()
    assert Alternative.objects.get(name_en="Newsletter service").url == ours


def test_a_campus_that_is_there_already_is_left_alone() -> None:
    make_network("10.0.0.0/8")
    demo()
    assert not Host.objects.exists()


def test_it_refuses_where_neither_simulator_nor_debug_is_on(settings: Settings) -> None:
    settings.PORTAL_SIMULATOR = settings.DEBUG = False
    with pytest.raises(CommandError, match="only where PORTAL_SIMULATOR or DEBUG is on"):
        demo()
    assert not Network.objects.exists()
