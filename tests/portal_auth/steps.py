"""What a browser does on its way in, step by step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.test import Client

from portal_auth.sessions import KEY

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

    Answer = _MonkeyPatchedWSGIResponse

ENTER = "/portal/enter"
CONTINUE = "/portal/continue"
HOME = "/"


def enter(browser: Client, token: str, **extra: Any) -> Answer:
    return browser.get(ENTER, {"ticket": token}, **extra)


def arrive(browser: Client, token: str, **extra: Any) -> str:
    """Come as far as the confirm page; its HTML."""
    assert enter(browser, token, **extra).status_code == 303
    page = browser.get(CONTINUE, **extra)
    assert page.status_code == 200
    return str(page.content.decode())


def confirm(browser: Client, page: str | None = None, **extra: Any) -> Answer:
    """Press the button of the confirm page: of `page`, or of what is there now."""
    if page is None:
        page = browser.get(CONTINUE, **extra).content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    fields.pop("next", None)
    return browser.post(CONTINUE, fields, **extra)


def sign_in(browser: Client, token: str, **extra: Any) -> None:
    page = arrive(browser, token, **extra)
    answer = confirm(browser, page, **extra)
    assert (answer.status_code, answer["Location"]) == (303, HOME)


def signed_in_as(browser: Client) -> str | None:
    """The account in the browser's session on the server, whether or not it is still good."""
    record = browser.session.get(KEY)
    return record["identity"]["subject"] if record else None


def assert_refused(answer: Answer, code: int) -> None:
    text = answer.content.decode()
    assert answer.status_code == 403
    assert f"portal check failed ({code})" in text
    assert f"入口檢查錯誤 ({code})" in text
    assert re.search(rf'<main[^>]* data-state="portal-refused" data-reason="{code}"', text)
