"""axe-core (WCAG 2.2 AA) finds nothing on pages of members and staff, as Chromium has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.real.browser import Browser
from tests.real.registry_scenes import REGISTRY, REGISTRY_BACK_OFFICE
from tests.real.relay_scenes import RELAYS
from tests.real.scenes import SCENES, Scene, Stage
from tests.real.service import Service
from tests.real.stages import View, Window, furnish, stage, window

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RULES = {"runOnly": [*WCAG, "best-practice"]}
# Django's own lists and tables keep the standard, not the best practice.
STAFF_RULES = {"runOnly": WCAG}
# Each language, scheme and width at least once; every combination would show the same CSS again.
NARROW = (375, 320)  # px
VIEWS = (View("zh-hant", "light"), View("en", "dark", mobile=True))
# One of each kind of page, and one view each, by turns: all of them would take minutes.
CHOSEN = (
    "no-name-heard", "malformed", "review-too-young", "name-lost", "admin-zone-failing",
    "admin-held-transfer", "admin-held-release", "admin-runs", "admin-run-failed",
    "admin-address-malformed", "admin-address-nonsense", "admin-overrides", "admin-override-add",
    "admin-unit-index", "admin-relays", "admin-relay-in-error", "admin-relay-token",
)  # fmt: skip
BY_TURNS = [
    (scene, VIEWS[number % len(VIEWS)])
    for number, scene in enumerate([*REGISTRY, *REGISTRY_BACK_OFFICE, *RELAYS])
    if scene.name in CHOSEN
]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service:
        furnish(service)
        yield service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def windows(browser: Browser) -> dict[View, Window]:
    return {view: window(browser, view) for view in VIEWS}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_axe_finds_nothing(
    service: Service, browser: Browser, windows: dict[View, Window], scene: Scene
):
    with stage(service, scene) as set_up:
        for view in VIEWS:
            check(browser, windows[view], scene, set_up)


@pytest.mark.parametrize(("scene", "view"), BY_TURNS, ids=lambda value: value.name)
def test_axe_finds_nothing_by_turns(
    service: Service, browser: Browser, windows: dict[View, Window], scene: Scene, view: View
):
    with stage(service, scene) as set_up:
        check(browser, windows[view], scene, set_up)


def check(browser: Browser, shown: Window, scene: Scene, set_up: Stage) -> None:
    """The page is the one that the scene tells of, accessible, and no wider than the screen."""
    browser.complaints.clear()
    name = shown.view.name
    with shown.shows(scene, set_up) as page:
        assert (page.get_attribute("main", "data-state") or "") == scene.state
        assert violations(page, STAFF_RULES if scene.staff else RULES) == [], name
        for width in NARROW if shown.view.mobile else ():
            page.set_viewport_size({"width": width, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name}: it scrolls sideways at {width} px"
    if scene.staff:
        return  # whose pages axe itself styles; the policy has its own test there
    expected = [text for text in browser.complaints if "status of 40" not in text]
    assert expected == [], name


def violations(page: Page, rules: dict[str, list[str]]) -> list[str]:
    """What axe finds, a line an element. The long list of what passed stays in the browser."""
    page.evaluate(AXE_SCRIPT)
    options = {"runOnly": rules["runOnly"], "resultTypes": ["violations"]}
    found = page.evaluate(
        "options => axe.run(document, options).then(results => results.violations)", options
    )
    return [
        f"{rule['id']}: {node['html']}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
