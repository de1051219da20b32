"""Menu, history, help, personal data."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from portal_auth import errors as portal_errors
from tests.whitelist.factories import NOON, make_identity, open_entry, register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import PAGE, Browser, state_of, text_of
from whitelist.audit import SYSTEM
from whitelist.entries import do_end_entry
from whitelist.models import Alternative, Announcement, MenuGroup, MenuService, WhitelistEntry
from whitelist.models.entry import EndReason
from whitelist.pages.refusals import headings
from whitelist.rules import Reason

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

    def test_other_services_stand_there_once_they_lead_somewhere(self, member: Browser) -> None:
        assert "Newsletter service" not in text_of(member.get("/"))
        newsletter = MenuService.objects.filter(name_en="Newsletter service")
        newsletter.update(url="https://newsletter.example.edu.tw/?a=1&b=2", is_shown=True)
        text = text_of(member.get("/"))
        link = 'class="away" href="https://newsletter.example.edu.tw/?a=1&amp;b=2">Newsletter'
        assert link in text
        assert "(another site)" in text

    def test_the_menu_stands_in_the_order_of_the_numbers(self, member: Browser) -> None:
        MenuGroup.objects.filter(name_en="Yours").update(position=1)
        MenuService.objects.filter(name_en="Help and contact").update(position=1)
        order = [
            "Yours",
            "Help and contact",
            "My history",
            "Email services",
            "SMTP IP whitelist</a>",
        ]
        text = text_of(member.get("/")).split('<div class="groups">')[1]
        places = [text.index(name) for name in order]
        assert places == sorted(places)

    def test_a_group_is_shown_while_it_is_ticked_and_has_something_to_show(
        self, member: Browser
    ) -> None:
        assert "Wireless network" not in text_of(member.get("/"))
        MenuService.objects.filter(name_en="Guest accounts").update(page="whitelist", is_shown=True)
        assert "Wireless network" in text_of(member.get("/"))
        MenuGroup.objects.filter(name_en="Wireless network").update(is_shown=False)
        assert "Wireless network" not in text_of(member.get("/"))

    def test_the_menu_tells_the_term_as_it_is_set(self, member: Browser) -> None:
        scenarios.set_service(term_minutes=45)
        assert "for this computer for 45 minutes<" in text_of(member.get("/"))

    def test_its_queries_do_not_grow_with_the_menu(self, member: Browser) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                member.get("/")
            return len(captured)

        member.get("/")
        before = queries()
        MenuService.objects.update(page="whitelist", url="", is_shown=True)
        announce(pages="home")
        announce(pages="all")
        assert queries() == before

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

    def test_it_can_be_had_as_a_file_with_exact_times(self, member: Browser) -> None:
        entry = scenarios.effective_entry(member)
        WhitelistEntry.objects.update(hostname="=cmd.ee.nthu.edu.tw")
        open_entry("140.114.64.155", applicant=make_identity("other"), name="x.ee.nthu.edu.tw")
        answer = member.get("/smtp-whitelist/history.csv")
        lines = text_of(answer).splitlines()
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer["Content-Disposition"] == 'attachment; filename="smtp-whitelist-20261124.csv"'
        assert lines[0].startswith("\ufeffReference,IP address,Domain name,Requested,")
        assert len(lines) == 2
        assert lines[1].startswith(
            f"{entry.reference},140.114.64.154,'=cmd.ee.nthu.edu.tw,2026-11-24T"
        )
        assert "+08:00," in lines[1]

    def test_the_file_wants_a_session_too(self, visitor: Browser) -> None:
        assert state_of(visitor.get("/smtp-whitelist/history.csv"))[0] == "portal-refused"

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

    def test_the_help_explains_every_code_of_the_portal(self, visitor: Browser) -> None:
        text = text_of(visitor.get(PAGE + "help"))
        for code in portal_errors.Refusal:
            assert f'<tr id="code{code:d}"><th scope="row" class="num">{code:d}</th>' in text

    def test_the_help_explains_every_refusal_by_the_heading_of_its_page(
        self, visitor: Browser
    ) -> None:
        text = text_of(visitor.get(PAGE + "help"))
        with override("en"):
            titles = headings()
        for reason in Reason:
            row = text.split(f'<tr id="why-{reason}">')[1].split("</tr>")[0]
            assert titles.get(reason, "") in row
            assert "<td></td>" not in row

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"requests_per_day": 0}, "No limit"),
            ({"extend_within_minutes": 15}, "Offered in the last 15 minutes"),
            ({"registration_rule": "reverse"}, "It has a reverse record"),
            ({"registration_rule": "forward"}, "It has a forward record"),
            ({"name_suffixes": "nthu.edu.tw\na.tw"}, "nthu.edu.tw, a.tw"),
            ({"minimum_age_hours": 24}, "Counts after 24 hours"),
            ({"series_length": 16}, "16 or more in a row"),
            ({"registration_grace_minutes": 3}, "The entry ends after 3 minutes"),
            ({"raised_per_hour": 2000}, "2,000 recipients an hour"),
            ({"raised_per_day": 9000}, "9,000 recipients a day"),
            ({"end_above_recipients": 5000}, "Above 5,000 recipients"),
            ({"end_at_bounced_percent": 30}, "When 30 % or more of at least 100 recipients"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_the_help_tells_the_rules_as_they_are_set(
        self, changes: dict[str, object], says: str, visitor: Browser
    ) -> None:
        assert says not in text_of(visitor.get(PAGE + "help"))
        scenarios.set_service(**changes)
        assert says in text_of(visitor.get(PAGE + "help"))

    def test_the_help_names_the_way_here_as_the_menu_does(self, visitor: Browser) -> None:
        assert "Choose Email services → SMTP IP whitelist." in text_of(visitor.get(PAGE + "help"))
        MenuService.objects.filter(page="whitelist").update(name_en="Bulk & more")
        assert "Choose Email services → Bulk &amp; more." in text_of(visitor.get(PAGE + "help"))
        MenuService.objects.filter(page="whitelist").update(is_shown=False)
        assert "Choose Email services" not in text_of(visitor.get(PAGE + "help"))

    def test_the_help_does_not_speak_of_a_quota_that_is_off(self, visitor: Browser) -> None:
        scenarios.set_service(requests_per_day=0)
        assert 'id="why-quota"' not in text_of(visitor.get(PAGE + "help"))

    @pytest.mark.parametrize(
        "part",
        ["who", "how", "ip", "after", "rules", "codes", "refusals", "better", "contact"],
    )
    def test_the_parts_of_the_help_can_be_linked_to(self, part: str, visitor: Browser) -> None:
        text = text_of(visitor.get(PAGE + "help"))
        assert text.count(f' id="{part}"') == 1
        assert text.count(f'href="#{part}"') == 1

    def test_the_alternatives_are_those_that_staff_show(self, visitor: Browser) -> None:
        Alternative.objects.filter(name_en="Newsletter service").update(is_shown=False)
        url = "https://announce.example.edu.tw/"
        Alternative.objects.exclude(name_en="Newsletter service").update(url=url)
        text = text_of(visitor.get(PAGE + "help"))
        assert "Newsletter service" not in text
        assert f'href="{url}">NTHU Message Announcement System' in text
        Alternative.objects.update(is_shown=False)
        assert "Ask Network Systems what suits" in text_of(visitor.get(PAGE + "help"))

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


class TestAnnouncements:
    @pytest.mark.parametrize(
        ("pages", "seen_at"),
        [
            ("all", {"/", PAGE, PAGE + "help", HISTORY}),
            ("home", {"/"}),
            ("whitelist", {PAGE, PAGE + "help", HISTORY}),
        ],
        ids=["all", "home", "whitelist"],
    )
    def test_it_stands_on_the_pages_that_it_is_for(
        self, pages: str, seen_at: set[str], member: Browser
    ) -> None:
        announce(pages=pages)
        every = ("/", PAGE, PAGE + "help", HISTORY)
        assert {path for path in every if "Down on Saturday." in text_of(member.get(path))} == (
            seen_at
        )

    def test_it_is_shown_from_its_beginning_until_before_its_end(
        self, visitor: Browser, clock: time_machine.Traveller
    ) -> None:
        hour = timedelta(hours=1)
        announce(since=NOON, until=NOON + hour)
        seen = []
        for at in (NOON - timedelta(seconds=1), NOON, NOON + hour):
            clock.move_to(at)
            seen.append("Down on Saturday." in text_of(visitor.get(PAGE + "help")))
        assert seen == [False, True, False]

    def test_a_warning_stands_first_and_says_so_in_a_word(self, visitor: Browser) -> None:
        announce(level="warning", text_en="Careful.", since=NOON - timedelta(days=1))
        announce()
        text = text_of(visitor.get(PAGE + "help"))
        assert text.index("Careful.") < text.index("Down on Saturday.")
        assert "<strong>Important announcement</strong><p>Careful.</p>" in text

    def test_it_is_told_in_the_language_of_the_page(self) -> None:
        announce()
        text = text_of(Browser(language="zh-tw").get(PAGE + "help"))
        assert "週六停機。" in text
        assert "Down on Saturday." not in text

    def test_it_costs_a_page_one_query(self, visitor: Browser) -> None:
        with CaptureQueriesContext(connection) as captured:
            visitor.get(PAGE + "help")
        asked = [query["sql"] for query in captured if "whitelist_announcement" in query["sql"]]
        assert len(asked) == 1
        assert len(captured) <= 4


def announce(**fields: object) -> Announcement:
    values = {"text_zh": "週六停機。", "text_en": "Down on Saturday.", "since": NOON}
    return Announcement.objects.create(**{**values, **fields})


def test_the_help_has_a_state_of_its_own(visitor: Browser) -> None:
    assert state_of(visitor.get(PAGE + "help")) == ("help", None)
