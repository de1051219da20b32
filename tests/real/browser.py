"""A real Chromium, Debian's own, driven by Playwright."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, ViewportSize, sync_playwright

from tests.real.parts import require

# As root Chromium has no sandbox; the rest keeps it from asking for anything outside.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP: ViewportSize = {"width": 1280, "height": 900}


class Browser:
    """Collects what pages complain about: errors of scripts and violations of the CSP."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=require("chromium"), args=ARGUMENTS
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._browser.close()
        self._playwright.stop()

    def context(self, base_url: str, **options: Any) -> BrowserContext:
        """A fresh profile: `locale`, `color_scheme`, `viewport`, `java_script_enabled`…"""
        defaults: Mapping[str, Any] = {"viewport": DESKTOP, "locale": "zh-TW"}
        context = self._browser.new_context(base_url=base_url, **{**defaults, **options})
        context.on("console", self._listen)
        context.on("weberror", lambda event: self.complaints.append(str(event.error)))
        return context

    def page(self, base_url: str, **options: Any) -> Page:
        return self.context(base_url, **options).new_page()

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)
