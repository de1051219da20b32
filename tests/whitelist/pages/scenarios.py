"""Every state and every reason of the page, as the data that leads to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from tests.whitelist.factories import (
    ADDRESS,
    make_block,
    make_host,
    make_identity,
    make_network,
    make_zone,
    open_entry,
    register,
)
from tests.whitelist.pages.member import Browser, text_of
from whitelist.addresses import parse_address
from whitelist.entries import do_open_entry
from whitelist.models import (
    Host,
    LiveAnswer,
    OmittedRecord,
    RegistrationOverride,
    ServiceSettings,
    WhitelistEntry,
    Zone,
)
from whitelist.models.registration import LiveVerdict
from whitelist.registry.classify import LeftOut
from whitelist.relay_map.acknowledge import acknowledge

Scenario = Callable[[Browser], None]
UNNAMED = "140.114.88.23"


def set_service(**values: object) -> None:
    ServiceSettings.objects.update(**values)


def own_entry(browser: Browser, *, ago: timedelta = timedelta(0)) -> WhitelistEntry:
    """An entry of this member, opened a while ago, that no relay knows yet."""
    return do_open_entry(
        applicant=browser.identity,
        address=parse_address(browser.address),
        at=timezone.now() - ago,
    )


def effective_entry(browser: Browser, *, ago: timedelta = timedelta(seconds=30)) -> WhitelistEntry:
    entry = own_entry(browser, ago=ago)
    relays_follow()
    entry.refresh_from_db()
    return entry


def relays_follow() -> None:
    """The relay reports that it has installed all that there is."""
    latest = WhitelistEntry.objects.order_by("-serial").first()
    acknowledge("local", serial=latest.serial if latest else 0, at=timezone.now())


def apply(browser: Browser) -> None:
    register()


def pending(browser: Browser) -> None:
    register()
    own_entry(browser)


def slow(browser: Browser) -> None:
    register()
    own_entry(browser, ago=timedelta(minutes=3))


def active(browser: Browser) -> None:
    register()
    effective_entry(browser)


def ending(browser: Browser) -> None:
    register()
    effective_entry(browser, ago=timedelta(minutes=55))


def ended(browser: Browser) -> None:
    register()
    effective_entry(browser, ago=timedelta(minutes=70))


def off_campus(browser: Browser) -> None:
    make_network("140.115.0.0/16")


def no_name(browser: Browser) -> None:
    make_network()


def needs_forward(browser: Browser) -> None:
    """The name of the PTR record lies in a zone that we hold, and is not there."""
    make_network()
    make_host(UNNAMED, "other.ee.nthu.edu.tw", zone=make_zone("ee.nthu.edu.tw", "forward"))
    make_host(ADDRESS, "lab154.ee.nthu.edu.tw", zone=make_zone("114.140.in-addr.arpa", "reverse"))


def needs_reverse(browser: Browser) -> None:
    make_network()
    make_host(UNNAMED, "other.ee.nthu.edu.tw", zone=make_zone("114.140.in-addr.arpa", "reverse"))
    make_host(ADDRESS, "lab154.ee.nthu.edu.tw", zone=make_zone("ee.nthu.edu.tw", "forward"))


def generated_name(browser: Browser) -> None:
    make_network()
    make_host(ADDRESS, "host-64-154.dynamic.nthu.edu.tw")


def malformed(browser: Browser) -> None:
    """The final dot of the PTR record's target is missing."""
    make_network()
    reverse = make_zone("64.114.140.in-addr.arpa", "reverse")
    OmittedRecord.objects.create(
        zone=reverse,
        reason=LeftOut.UNFINISHED_TARGET,
        owner="154.64.114.140.in-addr.arpa",
        type="PTR",
        target="lab154.ee.nthu.edu.tw.64.114.140.in-addr.arpa",
        address=ADDRESS,
    )


def too_young(browser: Browser) -> None:
    make_network()
    set_service(minimum_age_hours=24)
    host = make_host(zone=make_zone("64.114.140.in-addr.arpa", "reverse"))
    Host.objects.filter(pk=host.pk).update(first_seen_at=timezone.now() - timedelta(hours=1))


def expired_zone(browser: Browser) -> None:
    make_network()
    zone = make_zone("64.114.140.in-addr.arpa", "reverse")
    make_host(zone=zone)
    day = timezone.now() - timedelta(days=1)
    Zone.objects.filter(pk=zone.pk).update(source="servers", checked_at=day, expire=3600)


def series(browser: Browser) -> None:
    make_network()
    zone = make_zone("64.114.140.in-addr.arpa", "reverse")
    for number in range(130, 170):
        make_host(f"140.114.64.{number}", f"pc{number}.ee.nthu.edu.tw", zone=zone)


def live_differs(browser: Browser) -> None:
    """The name servers answer, and their zone, read since, does not have it."""
    make_network()
    zone = make_zone("64.114.140.in-addr.arpa", "reverse")
    now = timezone.now()
    Zone.objects.filter(pk=zone.pk).update(source="servers", checked_at=now)
    answer(LiveVerdict.REGISTERED, ago=timedelta(minutes=1))


def answer(verdict: LiveVerdict, *, ago: timedelta = timedelta(0)) -> None:
    """What the name servers have said of the usual address."""
    at = timezone.now() - ago
    is_open = verdict == LiveVerdict.ASKED
    LiveAnswer.objects.create(
        address=ADDRESS,
        asked_at=at,
        answered_at=None if is_open else at,
        verdict=verdict,
        names={"lab154.ee.nthu.edu.tw": [ADDRESS]},
    )


def overridden(browser: Browser) -> None:
    register()
    RegistrationOverride.objects.create(
        address=ADDRESS,
        decision="refuse",
        reason="stolen laptop",
        until=timezone.now() + timedelta(days=2),
    )


def shared_address(browser: Browser) -> None:
    register()
    make_network("140.114.64.0/24", "wifi", unit="Library")


def suspended_address(browser: Browser) -> None:
    register()
    make_block()


def suspended_person(browser: Browser) -> None:
    register()
    make_block(browser.person.subject, "person", until=timezone.now() + timedelta(days=3))


def quota(browser: Browser) -> None:
    """The one request of the day went to another computer, which is still exempt."""
    register()
    set_service(requests_per_day=1)
    open_entry("140.114.64.155", applicant=browser.identity, name="lab155.ee.nthu.edu.tw")


def address_in_use(browser: Browser) -> None:
    open_entry(applicant=make_identity("somebody-else", name="陳大文"))


def paused(browser: Browser) -> None:
    register()
    set_service(
        paused=True,
        paused_until=timezone.now() + timedelta(hours=2),
        pause_message_zh="寄信伺服器更換中。",
        pause_message_en="The mail servers are being replaced.",
    )


# (state, reason) as the page and `status.json` must say them
STATES: dict[Scenario, tuple[str, str | None]] = {
    apply: ("apply", None),
    pending: ("pending", None),
    slow: ("pending", None),
    active: ("active", None),
    ending: ("ending", None),
    ended: ("ended", None),
}
REFUSALS: dict[Scenario, tuple[str, str]] = {
    off_campus: ("refused", "off_campus"),
    no_name: ("refused", "no_name"),
    needs_forward: ("refused", "needs_forward"),
    needs_reverse: ("refused", "needs_reverse"),
    generated_name: ("refused", "generated_name"),
    malformed: ("refused", "malformed"),
    too_young: ("refused", "review"),
    expired_zone: ("refused", "review"),
    series: ("refused", "review"),
    live_differs: ("refused", "review"),
    overridden: ("refused", "review"),
    shared_address: ("refused", "shared_address"),
    suspended_address: ("refused", "suspended_address"),
    suspended_person: ("refused", "suspended_person"),
    quota: ("refused", "quota"),
    address_in_use: ("refused", "address_in_use"),
    paused: ("paused", "paused"),
}
ALL: dict[Scenario, tuple[str, str | None]] = {**STATES, **REFUSALS}


def name_of(scenario: object) -> str:
    """For the tests' names."""
    return getattr(scenario, "__name__", str(scenario))


def page_of(scenario: Scenario, *, language: str = "en", **service: object) -> str:
    """The page that a member sees in the scenario, with these settings of the service."""
    browser = Browser(language=language).sign_in()
    scenario(browser)
    set_service(**{"contact_phone": "03-571-5131", **service})
    return text_of(browser.get())


def page_fresh(scenario: Scenario) -> str:
    """The scenario alone: its rows are undone after it."""
    with transaction.atomic():
        text = page_of(scenario)
        transaction.set_rollback(True)
    return text
