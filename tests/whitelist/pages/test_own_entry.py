"""Extending and removing: one's own, on the computer that it is for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.whitelist.factories import make_block, make_identity, open_entry, register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import PAGE, Browser, state_of, text_of
from whitelist.models import WhitelistEntry
from whitelist.models.entry import EndReason

pytestmark = pytest.mark.django_db
EXTEND, REMOVE = PAGE + "extend", PAGE + "remove"


class TestExtend:
    def test_the_entry_runs_one_term_from_now(self, member: Browser) -> None:
        entry = scenarios.effective_entry(member, ago=timedelta(minutes=55))
        before = timezone.now()
        answer = member.post(EXTEND)
        assert (answer.status_code, answer["Location"]) == (303, PAGE)
        entry.refresh_from_db()
        term = timedelta(minutes=60)
        assert before + term <= entry.expires_at <= timezone.now() + term
        assert entry.extensions == 1
        assert state_of(member.get()) == ("pending", None)

    def test_twice_is_never_more_than_one_term_ahead(self, member: Browser) -> None:
        entry = scenarios.effective_entry(member)
        member.post(EXTEND)
        member.post(EXTEND)
        entry.refresh_from_db()
        assert entry.expires_at <= timezone.now() + timedelta(minutes=60)

    def test_it_counts_as_a_request_and_is_429_when_none_is_left(self, member: Browser) -> None:
        scenarios.set_service(requests_per_day=2)
        entry = scenarios.effective_entry(member, ago=timedelta(minutes=55))
        assert member.post(EXTEND).status_code == 303
        answer = member.post(EXTEND)
        assert answer.status_code == 429
        assert state_of(answer) == ("refused", "quota")
        entry.refresh_from_db()
        assert entry.extensions == 1

    def test_a_pause_refuses_it_and_leaves_the_entry(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        scenarios.paused(member)
        answer = member.post(EXTEND)
        assert answer.status_code == 403
        assert state_of(answer) == ("paused", "paused")
        assert state_of(member.get()) == ("active", None)

    def test_a_blocked_person_cannot_extend(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        make_block(member.person.subject, "person")
        assert member.post(EXTEND).status_code == 303
        assert WhitelistEntry.objects.get().extensions == 0
        assert state_of(member.get()) == ("refused", "suspended_person")

    def test_without_an_entry_nothing_happens(self, member: Browser) -> None:
        assert member.post(EXTEND).status_code == 303
        assert "no active entry" in text_of(member.get())

    def test_somebody_elses_entry_is_left_alone(self, member: Browser) -> None:
        entry = open_entry(applicant=make_identity("other"))
        assert member.post(EXTEND).status_code == 303
        expected = entry.expires_at
        entry.refresh_from_db()
        assert (entry.expires_at, entry.extensions) == (expected, 0)

    def test_a_lapsed_entry_is_not_revived(self, member: Browser) -> None:
        entry = scenarios.effective_entry(member, ago=timedelta(minutes=61))
        assert member.post(EXTEND).status_code == 303
        entry.refresh_from_db()
        assert entry.extensions == 0

    def test_the_entry_of_another_computer_is_left_alone(self, member: Browser) -> None:
        entry = scenarios.effective_entry(member)
        register("140.114.64.155", "lab155.ee.nthu.edu.tw")
        other = Browser(address="140.114.64.155").sign_in()
        assert other.post(EXTEND).status_code == 303
        assert other.post(REMOVE).status_code == 303
        entry.refresh_from_db()
        assert (entry.extensions, entry.ended_at) == (0, None)


class TestRemove:
    def test_it_asks_first_and_a_look_removes_nothing(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        page = member.get(REMOVE)
        assert page.status_code == 200
        assert "Remove it now?" in text_of(page)
        assert state_of(page) == ("active", None)
        assert WhitelistEntry.objects.get().ended_at is None

    def test_it_ends_the_entry_now(self, member: Browser) -> None:
        entry = scenarios.effective_entry(member)
        answer = member.post(REMOVE)
        assert (answer.status_code, answer["Location"]) == (303, PAGE)
        entry.refresh_from_db()
        assert entry.end_reason == EndReason.OWNER
        assert entry.ended_at is not None
        assert state_of(member.get()) == ("ended", None)

    def test_it_works_while_the_service_is_paused(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        scenarios.paused(member)
        assert member.post(REMOVE).status_code == 303
        assert WhitelistEntry.objects.get().end_reason == EndReason.OWNER

    def test_twice_harms_nothing(self, member: Browser) -> None:
        scenarios.effective_entry(member)
        assert [member.post(REMOVE).status_code for _ in range(2)] == [303, 303]

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_somebody_elses_entry_cannot_even_be_looked_at(
        self, method: str, member: Browser
    ) -> None:
        entry = open_entry(applicant=make_identity("other"))
        answer = getattr(member, method)(REMOVE)
        assert answer.status_code == 303
        assert "no active entry" in text_of(member.get())
        entry.refresh_from_db()
        assert entry.ended_at is None


def test_extending_is_a_post(member: Browser) -> None:
    scenarios.effective_entry(member)
    assert member.get(EXTEND).status_code == 405
    assert WhitelistEntry.objects.get().extensions == 0


@pytest.mark.parametrize("path", [EXTEND, REMOVE])
def test_without_csrf_token_or_session_nothing_changes(path: str, member: Browser) -> None:
    scenarios.effective_entry(member)
    assert member.client.post(path).status_code == 403
    stranger = Browser()
    assert stranger.post(path).status_code == 403
    entry = WhitelistEntry.objects.get()
    assert (entry.extensions, entry.ended_at) == (0, None)
