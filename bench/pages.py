"""What a page costs the person who opens it, as Chromium itself measures it.

    python -m bench.pages [--only NAME…]

Every page of a member, opened anew with an empty cache on a phone: 375 px, a processor four times
slower, 1.6 Mbit/s and 150 ms away (Lighthouse's "slow 4G"). Each figure stands beside a limit: ours
for bytes and requests, Web Vitals' "good" for what a person feels. The captcha's picture is not
counted among the bytes. Beside it, in the same run, the sign-in page of Django's own admin.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import CDPSession, Page

from tests.real.browser import Browser
from tests.real.scenes import SCENES, Scene
from tests.real.service import Service
from tests.real.stages import View, furnish, stage, window

PHONE = View("zh-hant", "light", mobile=True)
SLOWER = 4  # times
NETWORK = {
    "offline": False,
    "latency": 150,  # milliseconds
    "downloadThroughput": 1.6e6 / 8,  # bytes a second
    "uploadThroughput": 750e3 / 8,
}
SETTLE_MILLISECONDS = 1500
PEER = Scene("django-admin-sign-in", "", path="/admin/login/", signed_in=False)
# Kept from before the first paint; read when the page has settled.
OBSERVE = """
window.seen = {paint: 0, shift: 0, blocked: 0};
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) seen.paint = entry.startTime;
}).observe({type: 'largest-contentful-paint', buffered: true});
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.shift += entry.value;
}).observe({type: 'layout-shift', buffered: true});
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) seen.blocked += Math.max(0, entry.duration - 50);
}).observe({type: 'longtask', buffered: true});
"""


@dataclass
class Figures:
    """Of one visit. `paint` and `blocked` in milliseconds; `kilobytes` as they were transferred."""

    kilobytes: float = 0
    requests: int = 0
    elsewhere: int = 0
    paint: float = 0
    shift: float = 0
    blocked: float = 0


# Bytes, requests and shift are the same on any machine, and fail the run. The times (of
# web.dev/vitals, of Lighthouse for the blocking) are this machine's of that moment: read them
# beside the peer's.
FAILING = {"kilobytes", "requests", "elsewhere", "shift"}
LIMITS = Figures(kilobytes=50, requests=6, elsewhere=0, paint=2500, shift=0.0, blocked=200)


@dataclass
class Transfer:
    """Counts what Chromium fetches for one page."""

    session: CDPSession
    host: str
    figures: Figures = field(default_factory=Figures)

    def __post_init__(self) -> None:
        self.pictures: set[str] = set()
        self.session.on("Network.requestWillBeSent", self._asked)
        self.session.on("Network.loadingFinished", self._finished)

    def _asked(self, event: dict[str, Any]) -> None:
        url = urlsplit(event["request"]["url"])
        if url.scheme == "data":
            return
        self.figures.requests += 1
        self.figures.elsewhere += url.netloc != self.host
        if "/code/" in url.path:
            self.pictures.add(event["requestId"])

    def _finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] not in self.pictures:
            self.figures.kilobytes += event["encodedDataLength"] / 1000


@contextmanager
def slow_phone(page: Page) -> Iterator[CDPSession]:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.send("Network.emulateNetworkConditions", NETWORK)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    yield session
    session.detach()


def visit(service: Service, browser: Browser, scene: Scene) -> Figures:
    """One page, opened anew."""
    with stage(service, scene) as set_up, window(browser, PHONE).shows(scene, set_up) as first:
        page = first.context.new_page()
        page.add_init_script(OBSERVE)
        with slow_phone(page) as session:
            transfer = Transfer(session, urlsplit(first.url).netloc)
            page.goto(first.url, wait_until="load")
            page.wait_for_timeout(SETTLE_MILLISECONDS)
            seen = page.evaluate("seen")
        page.close()
        figures = transfer.figures
        figures.paint, figures.shift, figures.blocked = (
            seen["paint"],
            seen["shift"],
            seen["blocked"],
        )
        return figures


def row(name: str, figures: Figures) -> str:
    return (
        f"{name:28}{figures.kilobytes:9.1f}{figures.requests:10}{figures.elsewhere:11}"
        f"{figures.paint:10.0f}{figures.shift:8.3f}{figures.blocked:10.0f}"
    )


def over(figures: Figures) -> list[str]:
    """The names of what is above its limit."""
    return [name for name, limit in vars(LIMITS).items() if getattr(figures, name) > limit]


def report(found: dict[str, Figures], peer: Figures) -> int:
    """The table; 1 where a page is over a limit."""
    print(f"{'page':28}{'kB':>9}{'requests':>10}{'elsewhere':>11}{'paint ms':>10}", end="")
    print(f"{'shift':>8}{'blocked':>10}")
    failed = 0
    for name, figures in found.items():
        wrong = over(figures)
        failed += bool(FAILING & set(wrong))
        print(row(name, figures) + (f"  over: {', '.join(wrong)}" if wrong else ""))
    print(row("limit", LIMITS))
    print(row(f"peer: {PEER.name}", peer))
    heaviest = max(figures.kilobytes for figures in found.values())
    latest = max(figures.paint for figures in found.values())
    print(
        f"The heaviest page has {heaviest / peer.kilobytes:.2f} times the bytes of the peer; "
        f"the latest paint comes {latest / peer.paint:.2f} times as late."
    )
    return 1 if failed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="names of scenes")
    options = parser.parse_args(arguments)
    scenes = [s for s in SCENES if not s.act and (not options.only or s.name in options.only)]
    found = {}
    with Service() as service, Browser() as browser:
        furnish(service)
        peer = visit(service, browser, PEER)
        for scene in scenes:
            found[scene.name] = visit(service, browser, scene)
            sys.stderr.write(".")
            sys.stderr.flush()
    sys.stderr.write("\n")
    return report(found, peer)


if __name__ == "__main__":
    sys.exit(main())
