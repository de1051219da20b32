"""The scenes about registration: what a member is told is missing, and what staff see of it."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.real.scenes import STAFF, Scene, Stage, apply_and_wait

# Primary keys and a user name, as `registry_rows` makes them.
OK_ZONE, FAILING_ZONE, HELD_ZONE = 901, 902, 950
HELD, RUN, FAILED_RUN, OVERRIDE = 901, 901, 902, 901
UNIT_ADMIN = "ee-net"

REVIEW = (
    "from django.utils import timezone; from whitelist.entries import do_review_registrations;"
    " do_review_registrations(timezone.now())"
)
LISTED = "127.0.0.20"  # registered by the demo campus's list


def lose_the_name(stage: Stage) -> None:
    """Under notice, as the review that beat asks for gives it."""
    apply_and_wait(stage)
    stage.service.sql("DELETE FROM whitelist_host WHERE address = %s", [stage.address])
    stage.service.manage("shell", "-c", REVIEW)


def want_a_day(stage: Stage) -> None:
    stage.sets(minimum_age_hours=24)


def want_no_age(stage: Stage) -> None:
    stage.sets(minimum_age_hours=0)


def submit(page: Page) -> None:
    """Ask for what a form does not take, so that it says what it wants."""
    page.click("#content [type=submit][name=_save]")
    page.wait_for_selector(".errornote")


REGISTRY = [
    Scene("no-name-heard", "refused", address="127.0.1.8"),
    Scene("no-name-not-heard", "refused", address="127.0.1.9"),
    Scene("needs-forward-heard", "refused", address="127.0.4.2"),
    Scene("needs-reverse", "refused", address="127.0.4.10"),
    Scene("malformed", "refused", address="127.0.4.11"),
    Scene(
        "review-too-young",
        "refused",
        address="127.0.4.12",
        prepare=want_a_day,
        clean_up=want_no_age,
    ),
    Scene("review-series", "refused", address="127.0.11.20"),
    Scene("review-live-differs", "refused", address="127.0.12.1"),
    Scene("review-expired-zone", "refused", address="127.0.13.1"),
    Scene("review-override", "refused", address="127.0.4.14"),
    Scene("name-lost", "ending", address=LISTED, prepare=lose_the_name),
]


def staff_scene(name: str, path: str, **fields: object) -> Scene:
    values = {"signed_in": False, "staff": STAFF, **fields}
    return Scene(f"admin-{name}", "", f"/admin/{path}", **values)  # type: ignore[arg-type]


ABOUT = "whitelist/address/?q="
UNIT = (UNIT_ADMIN, STAFF[1])
REGISTRY_BACK_OFFICE = [
    staff_scene("zone-in-step", f"whitelist/zone/{OK_ZONE}/change/"),
    staff_scene("zone-failing", f"whitelist/zone/{FAILING_ZONE}/change/"),
    staff_scene("zone-held", f"whitelist/zone/{HELD_ZONE}/change/"),
    staff_scene("zone-add", "whitelist/zone/add/"),
    staff_scene("held", "whitelist/heldtransfer/"),
    staff_scene("held-transfer", f"whitelist/heldtransfer/{HELD}/change/"),
    staff_scene("held-release", f"whitelist/heldtransfer/{HELD}/release/"),
    staff_scene("runs", "whitelist/syncrun/"),
    staff_scene("run", f"whitelist/syncrun/{RUN}/change/"),
    staff_scene("run-failed", f"whitelist/syncrun/{FAILED_RUN}/change/"),
    staff_scene("left-out", f"whitelist/omittedrecord/?zone__id__exact={OK_ZONE}"),
    staff_scene("address", f"{ABOUT}140.114.64.154"),
    staff_scene("address-malformed", f"{ABOUT}140.114.64.99"),
    staff_scene("address-unknown", f"{ABOUT}140.114.88.200"),
    staff_scene("address-nonsense", f"{ABOUT}140.114.64"),
    staff_scene("overrides", "whitelist/registrationoverride/"),
    staff_scene("override-add", "whitelist/registrationoverride/add/", act=submit),
    staff_scene("override", f"whitelist/registrationoverride/{OVERRIDE}/change/"),
    staff_scene("override-lift", f"whitelist/registrationoverride/{OVERRIDE}/lift/"),
    staff_scene("host-add-refused", "whitelist/host/add/", act=submit),
    staff_scene("unit-index", "", staff=UNIT),
    staff_scene("unit-networks", "whitelist/network/", staff=UNIT),
    staff_scene("unit-address", f"{ABOUT}140.114.64.99", staff=UNIT),
    staff_scene("unit-foreign-address", f"{ABOUT}140.114.71.101", staff=UNIT),
]
