"""The scenes about relays: how each stands, one of them, and a token that is shown once."""

from __future__ import annotations

from datetime import UTC, datetime

from playwright.sync_api import Page

from tests.real.registry_scenes import staff_scene
from tests.real.scenes import Stage

# Primary keys, as `relay_rows` makes them.
IN_SYNC, SILENT, IN_ERROR, BEHIND, NEW = 901, 902, 903, 904, 905


def report(stage: Stage) -> None:
    """Those that are not silent have reported just now, and all but one have everything."""
    stage.service.sql(
        "UPDATE whitelist_relay SET reported_at = %s WHERE id IN (%s, %s, %s)",
        [datetime.now(UTC), IN_SYNC, IN_ERROR, BEHIND],
    )
    for relay, lag in ((IN_SYNC, 0), (SILENT, 0), (IN_ERROR, 0), (BEHIND, 2)):
        stage.service.sql(
            "UPDATE whitelist_relay SET installed_serial ="
            " (SELECT serial FROM whitelist_accessmap) - %s WHERE id = %s",
            [lag, relay],
        )


def want_a_token(page: Page) -> None:
    page.fill("[name=reason]", "The old one stood in a mail")
    page.click("#content form [type=submit]")
    page.wait_for_selector("#token")


RELAYS = [
    staff_scene("relays", "whitelist/relay/", prepare=report),
    staff_scene(
        "relay-in-error",
        f"whitelist/relay/{IN_ERROR}/change/",
        prepare=report,
    ),
    staff_scene(
        "relay-token",
        f"whitelist/relay/{SILENT}/token/",
        prepare=report,
        act=want_a_token,
    ),
]
