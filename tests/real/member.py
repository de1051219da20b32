"""A member at a computer: an HTTP client that really connects from the address it is given."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from tests.real.service import HOST, Service

FIELD = re.compile(r"<input[^>]*>")
ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')


@dataclass(frozen=True)
class Page:
    """An answer: status, where it was in the end, and its text."""

    status: int
    url: str
    text: str

    @property
    def state(self) -> str:
        return self._main("data-state")

    @property
    def reason(self) -> str:
        return self._main("data-reason")

    def _main(self, name: str) -> str:
        found = re.search(rf'<main[^>]*\b{name}="([^"]*)"', self.text)
        return str(found[1]) if found else ""

    def field(self, name: str) -> str:
        """The value of the form's field of that name."""
        for tag in FIELD.findall(self.text):
            attributes = dict(ATTRIBUTE.findall(tag))
            if attributes.get("name") == name:
                return str(attributes.get("value", ""))
        raise AssertionError(f"no field {name} in {self.url} ({self.status}): {self.text[:2000]}")


class Member:
    """Keeps cookies and follows redirects, as a browser without JavaScript does."""

    def __init__(self, service: Service, address: str = HOST) -> None:
        self.service = service
        self.address = address
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> Page:
        return self.follow("GET", path)

    def post(self, path: str, **fields: str) -> Page:
        return self.follow("POST", path, urlencode(fields))

    def follow(self, method: str, path: str, body: str | None = None) -> Page:
        for _ in range(10):
            status, location, text = self.ask(method, path, body)
            if location is None:
                return Page(status, path, text)
            parts = urlsplit(location)
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            method, body = "GET", None
        raise AssertionError(f"redirected without end: {path}")

    def ask(self, method: str, path: str, body: str | None) -> tuple[int, str | None, str]:
        connection = http.client.HTTPConnection(
            HOST, self.service.port, timeout=30, source_address=(self.address, 0)
        )
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        for header in reply.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        return reply.status, reply.headers.get("Location"), text

    # What members do

    def sign_in(self, subject: str = "wang", role: str = "staff", status: str = "一般") -> Page:
        """Come from the portal with a fresh ticket, and confirm."""
        return self.enter(self.service.ticket(subject, role, status))

    def enter(self, ticket: str) -> Page:
        page = self.get(f"/portal/enter?ticket={ticket}")
        if page.status != 200:
            return page
        token = page.field("csrfmiddlewaretoken")
        return self.post("/portal/continue", csrfmiddlewaretoken=token)

    def sign_in_as_staff(self, name: str, password: str) -> Page:
        page = self.get("/admin/login/")
        return self.post(
            "/admin/login/?next=/admin/",
            csrfmiddlewaretoken=page.field("csrfmiddlewaretoken"),
            username=name,
            password=password,
            next="/admin/",
        )

    def open_form(self) -> dict[str, str]:
        """The fields of the application form, with the captcha solved."""
        page = self.get("/smtp-whitelist/")
        key = page.field("captcha_0")
        return {
            "csrfmiddlewaretoken": page.field("csrfmiddlewaretoken"),
            "captcha_0": key,
            "captcha_1": self.service.captcha_answer(key),
        }

    def apply(self) -> Page:
        return self.post("/smtp-whitelist/", **self.open_form())

    def remove(self) -> Page:
        page = self.get("/smtp-whitelist/remove")
        token = page.field("csrfmiddlewaretoken")
        return self.post("/smtp-whitelist/remove", csrfmiddlewaretoken=token)
