"""Every page that a person can see, each in the situation that shows it.

A scene prepares rows of a running service with the demo campus, and says where to look. Used for
pictures and for the accessibility tests, so that neither can forget a page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page

from tests.real.member import Member
from tests.real.service import Service

PAGE = "/smtp-whitelist/"
STAFF = ("lin", "a password of this service only")
OFF_CAMPUS = "127.9.0.1"
WRONG_CODE = "11111"  # digits that no code holds

Prepare = Callable[["Stage"], None]
Act = Callable[[Page], None]


@dataclass
class Stage:
    """A service, and one computer at which somebody may have signed in."""

    service: Service
    address: str
    member: Member

    def shift(self, column: str, **delta: float) -> None:
        """Move an instant of the computer's entry, as if time had passed."""
        moved = datetime.now(UTC) + timedelta(**delta)
        self.service.sql(
            f"UPDATE whitelist_whitelistentry SET {column} = %s "  # noqa: S608  our own names
            "WHERE address = %s AND ended_at IS NULL",
            [self.service.instant(moved), self.address],
        )

    def sets(self, **values: object) -> None:
        """Change service settings."""
        for name, value in values.items():
            self.service.sql(
                f"UPDATE whitelist_servicesettings SET {name} = %s",  # noqa: S608
                [value],
            )


@dataclass(frozen=True)
class Scene:
    """`state` is the data-state that the page must show."""

    name: str
    state: str
    path: str = PAGE
    address: str = "127.0.0.1"
    signed_in: bool = True
    prepare: Prepare | None = None
    act: Act | None = None
    clean_up: Prepare | None = None
    person: tuple[str, str, str] = ("a0012345", "staff", "一般")
    staff: tuple[str, str] | None = None  # who signs in to the back office


def apply_for_it(stage: Stage) -> None:
    stage.member.apply()


def apply_and_wait(stage: Stage) -> None:
    stage.member.apply()
    stage.service.manage("publish_access_map")


def ending(stage: Stage) -> None:
    apply_and_wait(stage)
    stage.shift("expires_at", minutes=4.8)


def ended(stage: Stage) -> None:
    apply_and_wait(stage)
    stage.member.remove()
    stage.service.manage("publish_access_map")


def add_lagging_relay(stage: Stage) -> None:
    stage.service.manage("relay", "add", "mx2")
    stage.member.apply()


def remove_lagging_relay(stage: Stage) -> None:
    stage.service.manage("relay", "remove", "mx2")


def slow(stage: Stage) -> None:
    add_lagging_relay(stage)
    stage.shift("opened_at", minutes=-3)
    stage.shift("expires_at", minutes=57)


def pause(stage: Stage) -> None:
    until = datetime.now(UTC) + timedelta(hours=2)
    stage.sets(
        paused=True,
        paused_until=stage.service.instant(until),
        pause_message_zh="寄信伺服器正在汰換。",
        pause_message_en="The mail servers are being replaced.",
    )


def resume(stage: Stage) -> None:
    stage.sets(paused=False, paused_until=None)


def use_up_quota(stage: Stage) -> None:
    stage.sets(requests_per_day=1)
    ended(stage)


def unlimited(stage: Stage) -> None:
    stage.sets(requests_per_day=0)


def someone_else(stage: Stage) -> None:
    other = Member(stage.service, stage.address)
    other.sign_in("113061501", "student", "校")
    other.apply()


def suspend_person(stage: Stage) -> None:
    stage.service.sql(
        "INSERT INTO whitelist_block (kind, subject, lo, hi, since, case_number, reason, "
        "message_zh, message_en) VALUES ('person', 'a0099999', '', '', %s, 'SEC-2026-0398', "
        "'test', '帳號曾遭盜用，請先變更密碼。', 'The account was stolen; change its password.')",
        [stage.service.instant(datetime.now(UTC))],
    )


def ask_for_link(stage: Stage) -> None:
    fields = stage.member.open_form()
    stage.member.post("/smtp-whitelist/confirm", **fields)


def wrong_code(page: Page) -> None:
    page.fill("input[name=captcha_1]", WRONG_CODE)
    page.click("main form button.primary")
    page.wait_for_selector(".errbox")


def to_the_refusals(slug: str) -> Act:
    def act(page: Page) -> None:
        page.click("[data-item=refusals]")
        page.click(f"[data-refusal={slug}]")

    return act


def enter(page: Page) -> None:
    page.click("[data-group=ccc] summary")
    page.click("[data-item=network]")
    page.click("[data-enter]")


SIMULATOR = "/portal-simulator/"
MENU = "/portal-simulator/sign-in?person=wang"

SCENES = [
    Scene("simulator", "simulator-sign-in", SIMULATOR, signed_in=False),
    Scene("simulator-menu", "simulator-menu", MENU, signed_in=False),
    Scene("portal-direct", "portal-refused", PAGE, signed_in=False),
    Scene("home", "", "/"),
    Scene("apply", "apply", address="127.0.0.2"),
    Scene("apply-error", "apply", address="127.0.0.2", act=wrong_code),
    Scene(
        "link-sent",
        "apply",
        "/smtp-whitelist/confirm",
        address="127.0.0.2",
        prepare=ask_for_link,
    ),
    Scene(
        "pending",
        "pending",
        address="127.0.0.3",
        prepare=add_lagging_relay,
        clean_up=remove_lagging_relay,
    ),
    Scene("stuck", "pending", address="127.0.0.4", prepare=slow, clean_up=remove_lagging_relay),
    Scene("active", "active", address="127.0.0.5", prepare=apply_and_wait),
    Scene("remove", "active", "/smtp-whitelist/remove", address="127.0.0.5"),
    Scene("ending", "ending", address="127.0.0.6", prepare=ending),
    Scene("ended", "ended", address="127.0.0.7", prepare=ended),
    Scene("off-campus", "refused", address=OFF_CAMPUS),
    Scene("no-name", "refused", address="127.0.1.7"),
    Scene("shared-address", "refused", address="127.0.2.7"),
    Scene("generated-name", "refused", address="127.0.3.1"),
    Scene("needs-forward", "refused", address="127.0.4.1"),
    Scene("suspended-address", "refused", address="127.0.5.5"),
    Scene(
        "suspended-person",
        "refused",
        address="127.0.0.2",
        person=("a0099999", "staff", "一般"),
        prepare=suspend_person,
    ),
    Scene("in-use", "refused", address="127.0.0.8", prepare=someone_else),
    Scene(
        "quota",
        "refused",
        address="127.0.0.9",
        person=("a0088888", "staff", "一般"),
        prepare=use_up_quota,
        clean_up=unlimited,
    ),
    Scene("paused", "paused", address="127.0.0.2", prepare=pause, clean_up=resume),
    Scene("history", "apply", "/smtp-whitelist/history"),
    Scene("help", "help", "/smtp-whitelist/help"),
    Scene("privacy", "", "/privacy", signed_in=False),
    Scene("accessibility", "", "/accessibility", signed_in=False),
    Scene("not-found", "", "/nowhere", signed_in=False),
    Scene(
        "portal-expired", "portal-refused", MENU, signed_in=False, act=to_the_refusals("expired")
    ),
    Scene(
        "portal-ineligible",
        "portal-refused",
        "/portal-simulator/sign-in?person=huang",
        signed_in=False,
        act=enter,
    ),
    Scene("confirm", "portal-confirm", MENU, signed_in=False, act=enter),
]

BACK_OFFICE = [
    Scene("admin-sign-in", "", "/admin/login/", signed_in=False),
    *(
        Scene(f"admin-{name}", "", f"/admin/{path}", signed_in=False, staff=STAFF)
        for name, path in (
            ("index", ""),
            ("entries", "whitelist/whitelistentry/"),
            ("entry", "whitelist/whitelistentry/1/change/"),
            ("networks", "whitelist/network/"),
            ("hosts", "whitelist/host/"),
            ("host-add", "whitelist/host/add/"),
            ("zones", "whitelist/zone/"),
            ("blocks", "whitelist/block/"),
            ("block-add", "whitelist/block/add/"),
            ("relays", "whitelist/relay/"),
            ("map", "whitelist/accessmap/"),
            ("audit", "whitelist/auditrecord/"),
            ("settings", "whitelist/servicesettings/1/change/"),
            ("menu", "whitelist/menuservice/"),
            ("alternative", "whitelist/alternative/1/change/"),
            ("announcement-add", "whitelist/announcement/add/"),
            ("schedules", "django_celery_beat/periodictask/"),
            ("one-time-codes", "one-time-codes/"),
        )
    ),
]
