"""The scenes about relays: how each stands, one of them, and a token that is shown once."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.real.registry_scenes import staff_scene
from tests.real.scenes import Stage

# Primary keys, as `relay_rows` makes them.
IN_SYNC, SILENT, IN_ERROR = 901, 902, 903
ROWS = "from tests.real import relay_rows; relay_rows."


def add_relays(stage: Stage) -> None:
    stage.service.manage("shell", "-c", f"{ROWS}make_relays()")


def remove_relays(stage: Stage) -> None:
    stage.service.manage("shell", "-c", f"{ROWS}remove_relays()")


def want_a_token(page: Page) -> None:
    page.fill("[name=reason]", "The old one stood in a mail")
    page.click("#content form [type=submit]")
    page.wait_for_selector("#token")


RELAYS = [
    staff_scene("relays", "whitelist/relay/", prepare=add_relays, clean_up=remove_relays),
    staff_scene(
        "relay-in-error",
        f"whitelist/relay/{IN_ERROR}/change/",
        prepare=add_relays,
        clean_up=remove_relays,
    ),
    staff_scene(
        "relay-token",
        f"whitelist/relay/{SILENT}/token/",
        prepare=add_relays,
        act=want_a_token,
        clean_up=remove_relays,
    ),
]
