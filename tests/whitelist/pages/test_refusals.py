"""A refusal says what happened, what to do, what we saw, and who helps."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import unquote

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from tests.whitelist.factories import make_block, make_network, register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import PAGE, Browser, text_of
from tests.whitelist.pages.scenarios import Scenario, name_of
from whitelist.models import Network
from whitelist.pages.refusals import contact_email

pytestmark = pytest.mark.django_db
NAME_CODES = {
    scenarios.no_name: "IP-NO-NAME",
    scenarios.needs_forward: "IP-NEEDS-FORWARD",
    scenarios.needs_reverse: "IP-NEEDS-REVERSE",
    scenarios.generated_name: "IP-GENERATED-NAME",
}


def page_of(scenario: Scenario, **service: object) -> str:
    browser = Browser().sign_in()
    scenario(browser)
    scenarios.set_service(**{"contact_phone": "03-571-5131", **service})
    return text_of(browser.get())


class TestNames:
    @pytest.mark.parametrize(("scenario", "code"), NAME_CODES.items(), ids=name_of)
    def test_the_text_for_the_admin_is_ready_to_hand_on(
        self, scenario: Scenario, code: str
    ) -> None:
        text = page_of(scenario)
        block = text.split('id="blk"')[1].split("</pre>")[0]
        assert "IP: 140.114.64.154" in block
        assert f"Code: {code}" in block
        assert "Checked: 2026-11-24 12:0" in block

    @pytest.mark.parametrize("scenario", [*NAME_CODES][1:], ids=name_of)
    def test_it_names_the_name_that_was_seen(self, scenario: Scenario) -> None:
        block = page_of(scenario).split('id="blk"')[1].split("</pre>")[0]
        assert "Name seen: " in block

    def test_the_mail_to_the_admin_is_written_already(self) -> None:
        text = page_of(scenarios.no_name)
        link = text.split('href="mailto:')[1].split('"')[0].replace("&amp;", "&")
        assert link.startswith("ee-net@example.edu.tw?subject=")
        assert "IP: 140.114.64.154\nChecked: " in unquote(link)
        assert "+" not in link  # mail programs take it for a plus

    def test_an_admin_without_email_is_shown_as_text(self) -> None:
        browser = Browser().sign_in()
        make_network(contact="林管理 03-571-5131 <b>")
        text = text_of(browser.get())
        assert "mailto:" not in text
        assert "林管理 03-571-5131 &lt;b&gt;" in text

    @pytest.mark.parametrize(
        ("contact", "email"),
        [
            ("ee-net@example.edu.tw", "ee-net@example.edu.tw"),
            ("林管理 <lin@ee.example.edu.tw>, 分機 31131", "lin@ee.example.edu.tw"),
            ("林管理（lin@ee.example.edu.tw）", ""),
            ("分機 31131", ""),
            ("", ""),
            ("a@b?cc=x@y.example", ""),
        ],
    )
    def test_an_email_is_found_only_where_one_stands(self, contact: str, email: str) -> None:
        assert contact_email(Network(contact=contact)) == email


class TestSuspension:
    def test_the_case_number_stands_beside_the_word(self) -> None:
        assert "case SEC-2026-0042" in page_of(scenarios.suspended_address)

    def test_the_reason_for_staff_stays_inside(self) -> None:
        assert "sent spam" not in page_of(scenarios.suspended_address)

    @pytest.mark.parametrize(("language", "seen"), [("en", "Worm seen."), ("zh-tw", "發現蠕蟲。")])
    def test_the_message_is_in_the_language_of_the_page(self, language: str, seen: str) -> None:
        browser = Browser(language=language).sign_in()
        register()
        block = make_block()
        block.message_zh, block.message_en = "發現蠕蟲。", "Worm seen."
        block.save()
        text = text_of(browser.get())
        assert seen in text
        assert ("Worm" in text) != ("蠕蟲" in text)

    def test_a_message_in_one_language_is_better_than_none(self) -> None:
        browser = Browser().sign_in()
        register()
        block = make_block()
        block.message_zh = "發現蠕蟲。"
        block.save()
        assert "發現蠕蟲。" in text_of(browser.get())

    def test_a_message_is_text_not_markup(self) -> None:
        browser = Browser().sign_in()
        register()
        block = make_block()
        block.message_en = "<script>alert(1)</script>"
        block.save()
        assert "<script>alert" not in text_of(browser.get())

    def test_it_says_since_when_and_until_when(self) -> None:
        assert "Tue 24 Nov 2026, 12:00" in page_of(scenarios.suspended_address)
        assert "No automatic end" in page_of(scenarios.suspended_address)

    def test_a_suspended_person_sees_the_end_of_it(self) -> None:
        assert "Until Fri 27 Nov 2026, 12:0" in page_of(scenarios.suspended_person)

    def test_a_suspended_network_is_named(self) -> None:
        browser = Browser().sign_in()
        register()
        make_block("140.114.64.0/24")
        assert "140.114.64.0/24" in text_of(browser.get())

    def test_reporting_is_one_click_where_staff_have_an_email(self) -> None:
        assert "Report what you did" not in page_of(scenarios.suspended_address)
        text = page_of(scenarios.suspended_address, contact_email="abuse@example.edu.tw")
        assert 'href="mailto:abuse@example.edu.tw?subject=SEC-2026-0042"' in text


class TestPause:
    def test_it_says_until_when_and_why(self, clock: time_machine.Traveller) -> None:
        text = page_of(scenarios.paused)
        assert "This service is paused until 14:00" in text
        assert "The mail servers are being replaced. Requests reopen on Tue 24 Nov, 14:00" in text

    def test_a_later_day_is_named(self) -> None:
        text = page_of(scenarios.paused, paused_until=timezone.now() + timedelta(days=2))
        assert "This service is paused until Thu 26 Nov, 12:0" in text

    def test_without_an_end_none_is_promised(self) -> None:
        text = page_of(scenarios.paused, paused_until=None)
        assert ">This service is paused</h1>" in text
        assert "Requests reopen" not in text

    def test_it_ends_by_itself(self) -> None:
        assert 'data-state="apply"' in page_of(
            scenarios.paused, paused_until=timezone.now() - timedelta(seconds=1)
        )


class TestOthers:
    def test_the_quota_names_its_number_and_the_way_out(self) -> None:
        text = page_of(scenarios.quota)
        assert "You have used today’s only request" in text
        assert "from 00:00 tomorrow (Taiwan time)" in text
        assert "Newsletter service" in text

    def test_a_shared_network_is_named_with_its_kind(self) -> None:
        text = page_of(scenarios.shared_address)
        assert "140.114.64.0/24" in text
        assert "Wi-Fi" in text

    def test_off_campus_shows_the_address_that_we_saw(self) -> None:
        text = page_of(scenarios.off_campus)
        assert '<strong class="ip">140.114.64.154</strong>' in text
        assert f'href="{PAGE}"' in text

    def test_red_is_for_suspension_only(self) -> None:
        for scenario in scenarios.REFUSALS:
            red = 'class="state stop"' in page_fresh(scenario)
            assert red == name_of(scenario).startswith("suspended")


def page_fresh(scenario: Scenario) -> str:
    """The scenario alone: its rows are undone after it."""
    with transaction.atomic():
        text = page_of(scenario)
        transaction.set_rollback(True)
    return text
