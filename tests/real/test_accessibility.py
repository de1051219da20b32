"""axe-core (WCAG 2.2 AA) finds nothing on any page of a member, as Chromium renders it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.real.browser import Browser
from tests.real.scenes import SCENES, Scene
from tests.real.service import Service
from tests.real.stages import View, opened, stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Each language, scheme and width at least once; every combination would show the same CSS again.
NARROW = (375, 320)  # px
VIEWS = (View("zh-hant", "light"), View("en", "dark", mobile=True))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service:
        service.manage("demo_data")
        service.allow_many_requests()
        yield service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_axe_finds_nothing(service: Service, browser: Browser, scene: Scene):
    with stage(service, scene) as set_up:
        for view in VIEWS:
            browser.complaints.clear()
            with opened(browser, scene, set_up, view) as page:
                assert (page.get_attribute("main", "data-state") or "") == scene.state
                found = Axe().run(page, options=RULES)
                assert not found.violations_count, f"{view.name}: {found.generate_report()}"
                for width in NARROW if view.mobile else ():
                    page.set_viewport_size({"width": width, "height": 800})
                    wide = page.evaluate("document.documentElement.scrollWidth")
                    assert wide <= width, f"{view.name}: it scrolls sideways at {width} px"
            expected = [text for text in browser.complaints if "status of 40" not in text]
            assert expected == [], view.name
