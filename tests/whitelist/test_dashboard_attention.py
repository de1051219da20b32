"""Each thing that needs attention is told when it is so, leads to where it is mended, and else
is not told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils.translation import override
from django_celery_beat.models import PeriodicTask

from tests.whitelist.admin.zones import follow, hold
from tests.whitelist.dashboard_rows import make_well, opened, over, refused
from tests.whitelist.factories import NOON
from whitelist.admin_display import admin_url
from whitelist.dashboard import attention
from whitelist.dashboard.campus import Campus
from whitelist.dashboard.line import Line
from whitelist.models import (
    AccessMap,
    HeldTransfer,
    Notice,
    RegistrationOverride,
    Relay,
    SentCount,
    ServiceSettings,
    WhitelistEntry,
    Zone,
)

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def well() -> object:
    make_well()
    with override("en"):
        yield


def lines(*hidden: type) -> list[Line]:
    return attention.lines(Campus(NOON), lambda model: model not in hidden)


def relay(name: str = "smtp1", **fields: Any) -> Relay:
    values = {"token_digest": name, "token_issued_at": NOON - DAY, "reported_at": NOON, **fields}
    return Relay.objects.create(name=name, **values)


def wanted(serial: int, at: datetime) -> int:
    """The map's serial is that one, by one change at that time; published, but not installed."""
    opened(at=at, serial=serial)
    AccessMap.objects.update(serial=serial, published_serial=serial, published_at=NOON)
    return Relay.objects.filter(name="local").update(installed_serial=serial)


def letter(**fields: Any) -> None:
    values: dict[str, Any] = {
        "kind": "x",
        "recipient": "a@example.edu.tw",
        "subject": "s",
        "body": "b",
    }
    times: dict[str, Any] = {"written_at": NOON - HOUR, "next_try_at": NOON + HOUR}
    Notice.objects.create(**{**values, **times, **fields})


def many_addresses(count: int, at: datetime = NOON - 2 * HOUR) -> None:
    for number in range(count):
        over(f"140.114.64.{number + 1}", at)


def many_persons(count: int) -> None:
    for number in range(count):
        over("140.114.64.1", NOON - (number + 2) * HOUR, account=f"s{number}")


def sent(recipients: int, usual: int) -> None:
    for number in range(5):
        entry = over(f"140.114.65.{number}", NOON - 9 * HOUR, account=f"s{number}")
        SentCount.objects.create(entry=entry, recipients=usual, updated_at=NOON)
    entry = opened(at=NOON - 10 * MINUTE)
    SentCount.objects.create(entry=entry, recipients=recipients, updated_at=NOON)


def entries(query: str) -> Callable[[], str]:
    return lambda: f"{admin_url(WhitelistEntry, 'changelist')}?{query}"


def page_of(model: type, row: str = "") -> Callable[[], str]:
    def url() -> str:
        rows = model._default_manager.all()  # type: ignore[attr-defined]
        found = rows.get(**({"name": row} if row else {}))
        return admin_url(model, "change", found.pk)

    return url


def list_of(model: type, query: str = "") -> Callable[[], str]:
    return lambda: admin_url(model, "changelist") + query


Case = tuple[str, Callable[[], object], str, str, Callable[[], str]]
CASES: list[Case] = [
    (
        "silent", lambda: relay(reported_at=NOON - 2 * MINUTE),
        "stop", "Relay smtp1 is silent", page_of(Relay, "smtp1"),
    ),
    (
        "error", lambda: relay(last_error="disk full\nTraceback"),
        "stop", "Relay smtp1 reports an error", page_of(Relay, "smtp1"),
    ),
    (
        "never", lambda: relay(reported_at=None, token_issued_at=NOON),
        "warn", "Relay smtp1 has never reported", page_of(Relay, "smtp1"),
    ),
    (
        "clock", lambda: relay(clock_offset=-9.0),
        "warn", "The clock of relay smtp1 is wrong", page_of(Relay, "smtp1"),
    ),
    (
        "behind", lambda: (wanted(7, NOON - 3 * MINUTE), relay(installed_serial=6)),
        "stop", "Relay smtp1 does not keep up", page_of(Relay, "smtp1"),
    ),
    (
        "none", lambda: Relay.objects.update(is_active=False),
        "stop", "No relay counts", list_of(Relay),
    ),
    (
        "map", lambda: (wanted(7, NOON - 3 * MINUTE), AccessMap.objects.update(published_serial=6)),
        "stop", "The map is not published", page_of(AccessMap),
    ),
    (
        "slow", lambda: opened(at=NOON - 3 * MINUTE, seconds=None),
        "stop", "1 entry has been applying for more than 2 minutes", entries("state=applying"),
    ),
    (
        "unclosed", lambda: opened(at=NOON - 2 * HOUR),
        "warn", "1 lapsed entry is not closed", entries("ended_at__isnull=True&state=ended"),
    ),
    (
        "beat", lambda: PeriodicTask.objects.update(last_run_at=NOON - 11 * MINUTE),
        "stop", "Scheduled tasks are not sent", list_of(PeriodicTask),
    ),
    (
        "beat-never", lambda: PeriodicTask.objects.update(last_run_at=None),
        "stop", "Scheduled tasks are not sent", list_of(PeriodicTask),
    ),
    (
        "beat-off", lambda: PeriodicTask.objects.update(enabled=False),
        "stop", "No scheduled task is enabled", list_of(PeriodicTask),
    ),
    (
        "paused", lambda: ServiceSettings.objects.update(paused=True),
        "warn", "The service is paused", page_of(ServiceSettings),
    ),
    (
        "expired", lambda: follow("a.tw", at=NOON, expire=60),
        "stop", "Zone a.tw: Expired", page_of(Zone, "a.tw"),
    ),
    (
        "failing", lambda: [follow(name, at=NOON, failing_since=NOON) for name in ("a.tw", "b.tw")],
        "warn", "2 zones: Failing", list_of(Zone, "?state=failing"),
    ),
    (
        "stale", lambda: follow("a.tw", at=NOON - 3 * HOUR),
        "warn", "Zone a.tw: Not confirmed lately", page_of(Zone, "a.tw"),
    ),
    ("unread", lambda: follow("a.tw"), "go", "Zone a.tw: Never loaded", page_of(Zone, "a.tw")),
    (
        "held", lambda: hold(follow("a.tw", at=NOON), [], NOON),
        "warn", "A transfer of a.tw waits for a decision", page_of(HeldTransfer),
    ),
    (
        "held-two", lambda: [hold(follow(name, at=NOON), [], NOON) for name in ("a.tw", "b.tw")],
        "warn", "2 transfers wait for a decision", list_of(HeldTransfer),
    ),
    (
        "lost-letter", lambda: letter(given_up_at=NOON, last_error="550"),
        "warn", "1 letter was given up", list_of(Notice, "?given_up_at__isnull=False"),
    ),
    (
        "failing-letter", lambda: letter(last_error="450"),
        "warn", "1 letter could not be delivered yet",
        list_of(Notice, "?sent_at__isnull=True&given_up_at__isnull=True"),
    ),
    (
        "waiting-letter", lambda: letter(next_try_at=NOON - 11 * MINUTE),
        "warn", "1 letter waits to be sent",
        list_of(Notice, "?sent_at__isnull=True&given_up_at__isnull=True"),
    ),
    (
        "review", lambda: [refused("review"), refused("review")],
        "warn", "140.114.64.9 waits for a decision",
        lambda: "/admin/whitelist/address/?q=140.114.64.9",
    ),
    (
        "addresses", lambda: many_addresses(4),
        "warn", "s1 asked for 4 addresses", entries("q=s1"),
    ),
    (
        "persons", lambda: many_persons(3),
        "warn", "140.114.64.1 was asked for by 3 persons", entries("q=140.114.64.1"),
    ),
    (
        "flood", lambda: sent(1_000, usual=100),
        "warn", "140.114.64.1 has sent to 1,000 recipients while whitelisted",
        lambda: admin_url(WhitelistEntry, "change", WhitelistEntry.objects.latest("opened_at").pk),
    ),
]  # fmt: skip


def test_where_all_is_well_there_is_nothing_to_tell() -> None:
    follow("fine.tw", at=NOON)
    opened(at=NOON - 10 * MINUTE)
    assert lines() == []


@pytest.mark.parametrize(("make", "tone", "what", "url"), [c[1:] for c in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_it_is_told_and_leads_to_where_it_is_mended(
    make: Callable[[], object], tone: str, what: str, url: Callable[[], str]
) -> None:
    make()
    found = [(line.tone, line.what, line.url) for line in lines()]
    assert found == [(tone, what, url())]


NOT_YET: dict[str, Callable[[], object]] = {
    "heard": lambda: relay(reported_at=NOON - timedelta(seconds=59)),
    "behind-just-now": lambda: (wanted(7, NOON - MINUTE), relay(installed_serial=6)),
    "relay-that-does-not-count": lambda: relay(reported_at=None, is_active=False),
    "applying": lambda: opened(at=NOON - MINUTE, seconds=None),
    "just-lapsed": lambda: opened(at=NOON - HOUR - 5 * MINUTE),
    "sent-lately": lambda: PeriodicTask.objects.update(last_run_at=NOON - 9 * MINUTE),
    "pause-is-over": lambda: ServiceSettings.objects.update(paused=True, paused_until=NOON),
    "old-letter": lambda: letter(written_at=NOON - 3 * DAY, given_up_at=NOON - 2 * DAY),
    "delivered": lambda: letter(sent_at=NOON),
    "letter-on-its-way": lambda: letter(next_try_at=NOON - MINUTE),
    "three-addresses": lambda: many_addresses(3),
    "addresses-long-ago": lambda: many_addresses(9, NOON - 2 * DAY),
    "two-persons": lambda: many_persons(2),
    "much-but-usual": lambda: sent(5_000, usual=600),
    "unusual-but-little": lambda: sent(999, usual=1),
    "old-review": lambda: refused("review", NOON - 8 * DAY),
    "decided": lambda: (
        refused("review"),
        RegistrationOverride.objects.create(
            address="140.114.64.9", decision="refuse", until=NOON + DAY
        ),
    ),
}


@pytest.mark.parametrize("make", NOT_YET.values(), ids=list(NOT_YET))
def test_what_is_as_it_should_be_is_not_told(make: Callable[[], object]) -> None:
    make()
    assert lines() == []


def test_the_worst_comes_first() -> None:
    follow("unread.tw")
    ServiceSettings.objects.update(paused=True)
    relay(reported_at=NOON - HOUR)
    assert [line.tone for line in lines()] == ["stop", "warn", "go"]


@pytest.mark.parametrize("model", [Relay, Zone, HeldTransfer, ServiceSettings, WhitelistEntry])
def test_what_one_may_not_see_is_not_told(model: type) -> None:
    relay(reported_at=NOON - HOUR)
    hold(follow("a.tw", at=NOON), [], NOON)
    follow("b.tw", at=NOON, expire=60)
    ServiceSettings.objects.update(paused=True)
    opened(at=NOON - 3 * MINUTE, seconds=None)
    own = admin_url(model, "changelist")
    assert any(line.url.startswith(own) for line in lines())
    assert not any(line.url.startswith(own) for line in lines(model))
