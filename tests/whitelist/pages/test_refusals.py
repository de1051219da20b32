"""A refusal says what happened, what to do, what we saw, and who helps."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.whitelist.factories import make_block, register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import PAGE, Browser, text_of
from tests.whitelist.pages.scenarios import name_of, page_fresh, page_of

pytestmark = pytest.mark.django_db


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
