"""What the relays report as sent is shown to the entry's owner, and why it ended by that."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.whitelist.factories import register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import PAGE, Browser, state_of, text_of
from tests.whitelist.pages.scenarios import set_service
from tests.whitelist.pages.test_languages import english_in
from whitelist.entries import do_end_by_count
from whitelist.models import Relay, SentCount, WhitelistEntry
from whitelist.models.sent_count import WhatWasSent
from whitelist.templatetags.entry_words import sent_words

pytestmark = pytest.mark.django_db
HISTORY = PAGE + "history"
SHOWN = re.compile(r'data-sent="(\w+)">(\d+)<')


def tell(entry: WhitelistEntry, *counts: int, run: str = "aa") -> None:
    names = ("messages", "recipients", "bounced")
    SentCount.objects.create(
        entry=entry,
        relay=Relay.objects.get(),
        run=run,
        updated_at=timezone.now(),
        **dict(zip(names, counts, strict=True)),
    )


def shown(browser: Browser) -> dict[str, int] | None:
    """What the page shows, which is what its status says too."""
    on_page = {name: int(count) for name, count in SHOWN.findall(text_of(browser.get()))}
    told: dict[str, int] | None = json.loads(browser.get(PAGE + "status.json").content)["sent"]
    assert (on_page or None) == told
    return told


@pytest.mark.parametrize("minutes", [1, 55, 70], ids=["active", "ending", "ended"])
def test_the_page_shows_the_sum_over_relays_and_runs(member: Browser, minutes: int) -> None:
    entry = scenarios.effective_entry(member, ago=timedelta(minutes=minutes))
    tell(entry, 12, 340, 1)
    tell(entry, 1, 1, 0, run="bb")
    assert shown(member) == {"messages": 13, "recipients": 341, "bounced": 1}
    assert "As far as the mail servers report it" in text_of(member.get())


@pytest.mark.parametrize("minutes", [1, 70], ids=["active", "ended"])
def test_where_no_relay_counts_nothing_is_shown(member: Browser, minutes: int) -> None:
    scenarios.effective_entry(member, ago=timedelta(minutes=minutes))
    assert shown(member) is None
    assert "As far as" not in text_of(member.get())
    assert ">Sent<" not in text_of(member.get(HISTORY))


def test_where_a_relay_counts_nothing_sent_is_shown_as_nothing(member: Browser) -> None:
    tell(scenarios.own_entry(member, ago=timedelta(hours=3)), 1, 1, 0)
    scenarios.effective_entry(member)
    assert shown(member) == {"messages": 0, "recipients": 0, "bounced": 0}
    Relay.objects.update(is_active=False)
    Relay.objects.create(name="mx9", installed_serial=99)
    assert shown(member) is None, "the relay that counted is out of the count"


def test_the_history_shows_it_of_each_entry_in_a_bounded_number_of_queries(
    member: Browser,
) -> None:
    set_service(requests_per_day=0)

    def look() -> tuple[int, str]:
        with CaptureQueriesContext(connection) as queries:
            text = text_of(member.get(HISTORY))
        return len(queries), text

    for hours in (20, 18):
        tell(scenarios.own_entry(member, ago=timedelta(hours=hours)), 1, 2, 0)
    before, text = look()
    assert text.count("1 message, 2 recipients, 0 bounced") == 2
    for hours in (16, 14, 12, 10):
        tell(scenarios.own_entry(member, ago=timedelta(hours=hours)), 4, 1, 1)
    scenarios.own_entry(member, ago=timedelta(hours=8))
    after, text = look()
    assert text.count("4 messages, 1 recipient, 1 bounced") == 4
    assert after == before <= 15


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((1, 1, 1), "1 message, 1 recipient, 1 bounced"),
        ((0, 2, 0), "0 messages, 2 recipients, 0 bounced"),
    ],
    ids=["one", "many"],
)
def test_one_is_not_called_many(counts: tuple[int, int, int], words: str) -> None:
    assert sent_words(WhatWasSent(*counts)) == words


REASONS = {
    "too_much": ((3, 501, 0), "more was sent than one whitelisting is meant for"),
    "bounced": ((3, 400, 300), "refused its mail for good"),
}


def end_by(browser: Browser, counts: tuple[int, int, int]) -> None:
    set_service(end_above_recipients=500, end_at_bounced_percent=50)
    entry = scenarios.effective_entry(browser)
    tell(entry, *counts)
    assert do_end_by_count(entry.pk, at=timezone.now())


@pytest.mark.parametrize("reason", REASONS)
def test_an_entry_that_ended_by_it_says_why_what_was_seen_and_what_to_do(
    member: Browser, reason: str
) -> None:
    counts, words = REASONS[reason]
    end_by(member, counts)
    text = text_of(member.get())
    assert state_of(member.get()) == ("ended", None)
    assert words in text
    assert "If it was not you who sent this" in text
    assert ("Take the addresses that were refused off" in text) is (reason == "bounced")
    assert "Staff ended" not in text
    assert 'name="captcha_1"' in text, "it can be asked for again"
    assert shown(member) == dict(zip(("messages", "recipients", "bounced"), counts, strict=True))


@pytest.mark.parametrize("reason", REASONS)
def test_in_chinese_no_english_sentence_is_left(reason: str) -> None:
    register()
    browser = Browser(language="zh-TW").sign_in()
    end_by(browser, REASONS[reason][0])
    assert english_in(text_of(browser.get())) == []
    assert english_in(text_of(browser.get(HISTORY))) == []
