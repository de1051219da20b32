"""Setting a scene, and opening it in a browser in any language, colour scheme and width."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Page, ViewportSize

from tests.real.browser import DESKTOP, Browser
from tests.real.forwarder import Forwarder
from tests.real.member import Member
from tests.real.scenes import STAFF, Scene, Stage
from tests.real.service import HOST, Service

MOBILE: ViewportSize = {"width": 375, "height": 800}


@dataclass(frozen=True)
class View:
    """One way to look at a page."""

    language: str = "zh-hant"
    scheme: str = "light"
    mobile: bool = False

    @property
    def name(self) -> str:
        width = "mobile" if self.mobile else "desktop"
        return f"{self.language.partition('-')[0]}.{width}.{self.scheme}"

    @property
    def viewport(self) -> ViewportSize:
        return MOBILE if self.mobile else DESKTOP


EVERY_VIEW = [
    View(language, scheme, mobile)
    for language in ("zh-hant", "en")
    for mobile in (False, True)
    for scheme in ("light", "dark")
]


def furnish(service: Service) -> None:
    """All that the scenes take for granted: the demo campus, its faults, and staff."""
    service.manage("demo_data")
    service.allow_many_requests()
    service.make_staff(*STAFF)
    rows = f"registry_rows.make_rows({STAFF[1]!r}); relay_rows.make_relays()"
    service.manage("shell", "-c", f"from tests.real import registry_rows, relay_rows; {rows}")


@contextmanager
def stage(service: Service, scene: Scene) -> Iterator[Stage]:
    """Sign in and prepare; undone afterwards where the next scene would be in its way."""
    member = Member(service, scene.address)
    if scene.signed_in:
        member.sign_in(*scene.person)
    if scene.staff:
        assert member.sign_in_as_staff(*scene.staff).status == 200
    set_up = Stage(service, scene.address, member)
    if scene.prepare:
        scene.prepare(set_up)
    try:
        yield set_up
    finally:
        if scene.clean_up:
            scene.clean_up(set_up)


@dataclass(frozen=True)
class Window:
    """A page that one scene after the other is shown in: a fresh browser each is half the cost."""

    page: Page
    view: View

    @contextmanager
    def shows(self, scene: Scene, set_up: Stage) -> Iterator[Page]:
        """The page of the scene, in a browser that comes from the scene's address."""
        context = self.page.context
        with Forwarder(set_up.service.port, scene.address) as way:
            context.clear_cookies()
            cookies = {**set_up.member.cookies, "django_language": self.view.language}
            context.add_cookies(
                [
                    {"name": name, "value": value, "domain": HOST, "path": "/"}
                    for name, value in cookies.items()
                ]
            )
            self.page.set_viewport_size(self.view.viewport)
            try:
                self.page.goto(way.url + scene.path)
                if scene.act:
                    scene.act(self.page)
                yield self.page
            finally:
                self.page.goto("about:blank")  # so that nothing of it asks on


def window(browser: Browser, view: View) -> Window:
    context = browser.context(
        "about:blank",  # each scene has an address of its own
        viewport=view.viewport,
        device_scale_factor=2 if view.mobile else 1,
        color_scheme=view.scheme,
        locale="zh-TW" if view.language.startswith("zh") else "en-GB",
        is_mobile=view.mobile,
    )
    return Window(context.new_page(), view)
