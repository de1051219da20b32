"""Menu, history, help, personal data."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.whitelist.factories import make_identity, open_entry, register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import PAGE, Browser, state_of, text_of
from whitelist.audit import SYSTEM
from whitelist.entries import do_end_entry
from whitelist.models import WhitelistEntry
from whitelist.models.entry import EndReason

pytestmark = pytest.mark.django_db
HISTORY = PAGE + "history"
PUBLIC = [PAGE + "help", "/privacy", "/accessibility"]


class TestHome:
    def test_it_leads_to_the_service_and_says_the_address_and_its_state(
        self, member: Browser
    ) -> None:
        text = text_of(member.get("/"))
        assert f'href="{PAGE}"' in text
        assert member.address in text
        assert "Not on the sending whitelist" in text
        scenarios.effective_entry(member)
        assert "On the sending whitelist until" in text_of(member.get("/"))

    def test_without_a_session_it_is_the_portals_refusal(self, visitor: Browser) -> None:
        page = visitor.get("/")
        assert page.status_code == 403
        assert state_of(page) == ("portal-refused", "-4")

    def test_other_services_stand_there_only_with_their_address(self, member: Browser) -> None:
        assert "Newsletter service" not in text_of(member.get("/"))
        scenarios.set_service(newsletter_url="https://newsletter.example.edu.tw/")
        assert 'href="https://newsletter.example.edu.tw/"' in text_of(member.get("/"))

    def test_off_campus_it_works_and_names_no_host(self, visitor: Browser) -> None:
        visitor.move_to("203.0.113.24")
        visitor.sign_in()
        page = visitor.get("/")
        assert page.status_code == 200
        assert "203.0.113.24" in text_of(page)


class TestHistory:
    def test_its_state_is_that_of_this_computer(self, member: Browser) -> None:
        assert state_of(member.get(HISTORY)) == ("apply", None)
        scenarios.effective_entry(member)
        assert state_of(member.get(HISTORY)) == ("active", None)
        member.move_to("203.0.113.24")
        member.sign_in()
        assert state_of(member.get(HISTORY)) == ("refused", "off_campus")

    def test_it_lists_ones_own_entries_newest_first(self, member: Browser) -> None:
        old = scenarios.effective_entry(member, ago=timedelta(days=3))
        new = scenarios.own_entry(member)
        text = text_of(member.get(HISTORY))
        assert "2 records" in text
        rows = text.split("<tr>")[2:]
        assert "Applying" in rows[0]
        assert "Ended" in rows[1]
        assert old.hostname in rows[1]
        assert new.hostname in rows[0]

    def test_it_shows_nobody_elses(self, member: Browser) -> None:
        open_entry(applicant=make_identity("other"), at=timezone.now() - timedelta(days=1))
        text = text_of(member.get(HISTORY))
        assert "Nothing in the last 180 days" in text

    def test_the_same_account_of_another_portal_is_somebody_else(self, member: Browser) -> None:
        other = make_identity(member.person.subject, issuer="https://other.example")
        open_entry(applicant=other, at=timezone.now() - timedelta(days=1))
        assert "Nothing in the last 180 days" in text_of(member.get(HISTORY))

    def test_it_ends_after_180_days(self, member: Browser) -> None:
        scenarios.effective_entry(member, ago=timedelta(days=181))
        scenarios.effective_entry(member, ago=timedelta(days=179))
        assert "1 record." in text_of(member.get(HISTORY))

    def test_fifty_to_a_page(self, member: Browser) -> None:
        scenarios.set_service(requests_per_day=0)
        for number in range(51, 0, -1):
            scenarios.own_entry(member, ago=timedelta(hours=2 * number))
        first, second = (text_of(member.get(HISTORY, page=number)) for number in (1, 2))
        assert first.count('<th scope="row"') == 50
        assert second.count('<th scope="row"') == 1
        assert "Page 1 of 2" in first

    @pytest.mark.parametrize("page", ["0", "-1", "x", "99999", "1e3"])
    def test_a_page_that_is_none_is_the_nearest(self, page: str, member: Browser) -> None:
        assert member.get(HISTORY, page=page).status_code == 200

    @pytest.mark.parametrize(
        ("reason", "word"),
        [
            (EndReason.OWNER, "Removed early by you"),
            (EndReason.STAFF, "Stopped by staff"),
            (EndReason.SUSPENDED, "Suspended"),
            (EndReason.REGISTRATION_LOST, "The IP was no longer registered"),
            (EndReason.ELIGIBILITY_LOST, "You were no longer eligible"),
        ],
    )
    def test_it_says_how_each_ended_and_keeps_staffs_note_inside(
        self, reason: EndReason, word: str, member: Browser
    ) -> None:
        entry = scenarios.effective_entry(member)
        do_end_entry(entry, actor=SYSTEM, reason=reason, at=timezone.now(), note="inside only")
        text = text_of(member.get(HISTORY))
        assert word in text
        assert "inside only" not in text

    def test_an_active_entry_says_what_is_left(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        text = text_of(member.get(HISTORY))
        assert "59 minutes left" in text

    def test_an_entry_is_not_called_active_before_the_relays_have_it(self, member: Browser) -> None:
        scenarios.own_entry(member)
        text = text_of(member.get(HISTORY))
        assert "Applying" in text
        assert ">Active<" not in text

    def test_it_wants_a_session(self, visitor: Browser) -> None:
        assert visitor.get(HISTORY).status_code == 403


class TestPublicPages:
    @pytest.mark.parametrize("language", ["en", "zh-tw"])
    @pytest.mark.parametrize("path", PUBLIC)
    def test_anybody_may_read_them(self, path: str, language: str) -> None:
        page = Browser(language=language).get(path)
        assert page.status_code == 200
        assert "Sign out" not in text_of(page)

    @pytest.mark.parametrize("path", PUBLIC)
    def test_they_show_who_is_signed_in(self, path: str, member: Browser) -> None:
        assert "王小明" in text_of(member.get(path))

    @pytest.mark.parametrize("path", PUBLIC)
    def test_whom_to_call_is_what_staff_have_set(self, path: str, visitor: Browser) -> None:
        assert 'id="contact"' in text_of(visitor.get(path))
        scenarios.set_service(contact_phone="03-571-5131", contact_email="net@example.edu.tw")
        text = text_of(visitor.get(path))
        assert "03-571-5131" in text
        assert 'href="mailto:net@example.edu.tw"' in text

    def test_the_help_names_the_term_and_the_quota(self, visitor: Browser) -> None:
        scenarios.set_service(term_minutes=45, requests_per_day=7)
        text = text_of(visitor.get(PAGE + "help"))
        assert "45 minutes" in text
        assert "7 requests a day" in text

    def test_the_help_explains_the_portals_codes(self, visitor: Browser) -> None:
        text = text_of(visitor.get(PAGE + "help"))
        for code in ("-1, -2, -3", "-4", "-5"):
            assert f'<th scope="row" class="num">{code}</th>' in text

    def test_the_accessibility_page_claims_no_badge(self, visitor: Browser) -> None:
        assert "claim none" in text_of(visitor.get("/accessibility"))

    @pytest.mark.parametrize("path", [*PUBLIC, "/", HISTORY])
    def test_reading_is_all_one_can_do(self, path: str, member: Browser) -> None:
        assert member.post(path).status_code == 405

    def test_reading_help_is_no_use_of_the_session(self, member: Browser) -> None:
        before = dict(member.client.session["portal"])
        register("140.114.64.155", "x.ee.nthu.edu.tw")
        member.get(PAGE + "help")
        assert dict(member.client.session["portal"]) == before
        assert WhitelistEntry.objects.count() == 0


def test_the_help_has_a_state_of_its_own(visitor: Browser) -> None:
    assert state_of(visitor.get(PAGE + "help")) == ("help", None)
