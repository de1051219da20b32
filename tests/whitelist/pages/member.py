"""A member at a browser, who came in the real way: by a ticket of the portal."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from captcha.models import CaptchaStore
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal_auth.development_key import development_key
from portal_auth.identity import PortalIdentity
from portal_auth.issuers import SIMULATOR_KID, simulator_issuer
from portal_auth.minting import Member as Person
from portal_auth.minting import mint, ticket_claims
from tests.whitelist.factories import ADDRESS

PAGE = "/smtp-whitelist/"
MAIN = re.compile(r"<main ([^>]*)>")
ATTRIBUTE = re.compile(r'data-(state|reason)="([^"]*)"')


class Answer(Protocol):
    """What tests look at of a response, a real one or the test client's."""

    @property
    def content(self) -> bytes: ...
    @property
    def status_code(self) -> int: ...
    def __getitem__(self, header: str) -> str: ...


@dataclass
class Browser:
    """One browser at one address; `client` enforces CSRF as real life does."""

    address: str = ADDRESS
    language: str = "en"
    person: Person = field(
        default_factory=lambda: Person("s112062501", "student", "校", name="王小明")
    )
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(
            enforce_csrf_checks=True,
            REMOTE_ADDR=self.address,
            headers={"accept-language": self.language},
        )

    def move_to(self, address: str) -> None:
        self.address = address
        self.client.defaults["REMOTE_ADDR"] = address

    def sign_in(self) -> Browser:
        self.client.get(reverse("portal_auth:enter"), {"ticket": ticket_of(self.person)})
        answer = self.post(reverse("portal_auth:continue"))
        assert answer.status_code == 303, answer.content
        return self

    def get(self, path: str = PAGE, **data: Any) -> Answer:
        answer: Answer = self.client.get(path, data)
        return answer

    def post(self, path: str = PAGE, **data: Any) -> Answer:
        """With the CSRF token that a page of ours has given to this browser."""
        if "csrf" not in self.client.cookies:
            self.client.get(reverse("portal_auth:continue"))
        token = self.client.cookies["csrf"].value
        answer: Answer = self.client.post(path, {**data, "csrfmiddlewaretoken": token})
        return answer

    def request(self, *, answer: str | None = None, **data: Any) -> Answer:
        """Look at the page, read the code, and ask, as the form does."""
        page = self.get()
        key = hidden(page, "captcha_0")
        right = CaptchaStore.objects.get(hashkey=key).response
        return self.post(
            captcha_0=key,
            captcha_1=right if answer is None else answer,
            **{"address": hidden(page, "address"), **data},
        )

    def ask_blindly(self, **data: Any) -> Answer:
        """Ask with a right code that no page has shown, as a client of the interface may."""
        key, answer = new_code()
        return self.post(captcha_0=key, captcha_1=answer, **data)

    @property
    def identity(self) -> PortalIdentity:
        """This person as the service knows them."""
        return PortalIdentity(
            simulator_issuer().iss,
            self.person.subject,
            self.person.role,
            self.person.status,
            timezone.now(),
            self.person.name,
        )


def new_code() -> tuple[str, str]:
    """The key and the answer of a fresh captcha."""
    key = CaptchaStore.generate_key()
    return key, CaptchaStore.objects.get(hashkey=key).response


def ticket_of(person: Person) -> str:
    """A ticket that the portal signs just now."""
    now = timezone.now()
    issuer = simulator_issuer()
    claims = ticket_claims(
        person,
        iss=issuer.iss,
        aud=issuer.aud,
        issued_at=now,
        signed_in_at=now - timedelta(minutes=1),
    )
    return mint(claims, development_key(settings.VAR_DIR), kid=SIMULATOR_KID)


def text_of(answer: Answer) -> str:
    return answer.content.decode()


def hidden(answer: Answer, name: str) -> str:
    """The value of a hidden field of the page."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)">', text_of(answer))
    assert found, f"no field {name}"
    return found[1]


def state_of(answer: Answer) -> tuple[str | None, str | None]:
    """`data-state` and `data-reason` of the page's main element."""
    main = MAIN.search(text_of(answer))
    assert main, text_of(answer)[:500]
    found = dict(ATTRIBUTE.findall(main[1]))
    return found.get("state"), found.get("reason")
