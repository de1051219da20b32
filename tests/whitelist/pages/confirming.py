"""A member who asks for a confirmation link, and the link in the letter."""

from __future__ import annotations

import re
from typing import Any

from portal_auth.minting import Member as Person
from tests.whitelist.pages.member import PAGE, Answer, Browser, state_of
from whitelist.models import Notice, WhitelistEntry

LETTER = PAGE + "confirm"
EMAIL = "s112062501@example.edu.tw"
LINK = re.compile(r"http://127\.0\.0\.1:8000(/smtp-whitelist/confirm/[\w-]+)\s")


def member_of(**browser: Any) -> Browser:
    """A signed-in student whose e-mail address the portal has told."""
    person = Person("s112062501", "student", "校", name="王小明", email=EMAIL)
    return Browser(**{"person": person, **browser}).sign_in()


def ask(browser: Browser, **data: Any) -> Answer:
    """Press the button of the form."""
    return browser.post(LETTER, **{"address": browser.address, "captcha_1": "", **data})


def link_in(text: str) -> str:
    """The path of the link of a letter."""
    found = LINK.search(text)
    assert found, text
    return found[1]


def asked_link(browser: Browser) -> str:
    assert ask(browser).status_code == 303
    return link_in(Notice.objects.latest("pk").body)


def entries() -> int:
    return WhitelistEntry.objects.count()


def reason_of(answer: Answer) -> tuple[int, str | None]:
    return answer.status_code, state_of(answer)[1]
