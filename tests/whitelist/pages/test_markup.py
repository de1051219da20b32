"""What holds of every page, whatever it shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.whitelist.pages import scenarios
from tests.whitelist.pages.member import PAGE, Answer, Browser, text_of
from tests.whitelist.pages.scenarios import ALL, Scenario, name_of

pytestmark = [pytest.mark.django_db, pytest.mark.words]
OTHER_PAGES = ["/", PAGE + "history", PAGE + "help", "/privacy", "/accessibility", "/no-such-page"]
VOID = {"meta", "link", "input", "img", "br", "hr", "path", "circle", "rect"}
# Attributes by which a browser loads something by itself, or sends something somewhere
LOADING = {"src", "srcset", "action", "formaction", "data", "poster"}


class Page(HTMLParser):
    """Collects what the promises below are about; fails where elements do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.faults: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        if self.open:
            self.faults.append(f"not closed: {self.open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        values = {name: value or "" for name, value in attrs}
        if len(values) != len(attrs):
            self.faults.append(f"attribute twice: <{tag} {attrs}>")
        self.check_clean(tag, values)
        if "id" in values:
            self.ids.append(values["id"])
        for name in ("aria-labelledby", "aria-describedby", "for"):
            self.labelled.update(values.get(name, "").split())

    def check_clean(self, tag: str, values: dict[str, str]) -> None:
        if tag == "style" or "style" in values or (tag == "script" and "src" not in values):
            self.faults.append(f"inline style or script in <{tag}>")
        for name, value in values.items():
            if name.startswith("on") or value.strip().lower().startswith("javascript:"):
                self.faults.append(f"handler: {name}={value}")
            loading = name in LOADING or (tag == "link" and name == "href")
            if loading and not value.startswith("/"):
                self.faults.append(f"loads from outside: {name}={value}")
            if loading and value.startswith("//"):
                self.faults.append(f"loads from outside: {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def assert_sound(answer: Answer) -> None:
    html = text_of(answer)
    page = Page(html)
    assert page.faults == []
    assert len(page.ids) == len(set(page.ids)), f"an id twice: {page.ids}"
    assert page.labelled <= set(page.ids), page.labelled - set(page.ids)
    assert html.count("<h1") == 1
    assert html.count("<main ") == 1
    assert "{{" not in html
    assert "{%" not in html
    words = " ".join(page.text)
    assert "None" not in words
    assert "%(" not in words


@pytest.mark.parametrize("language", ["en", "zh-tw"])
@pytest.mark.parametrize("scenario", ALL, ids=name_of)
def test_the_page_is_sound_and_clean_in_every_state(scenario: Scenario, language: str) -> None:
    browser = Browser(language=language).sign_in()
    scenario(browser)
    assert_sound(browser.get())


@pytest.mark.parametrize("scenario", ALL, ids=name_of)
def test_the_answer_to_a_request_is_sound_and_clean(scenario: Scenario) -> None:
    browser = Browser().sign_in()
    scenario(browser)
    assert_sound(browser.post(captcha_0="x", captcha_1="1", address="140.114.64.154"))
    assert_sound(browser.post(captcha_0="x", captcha_1="1", address="140.114.64.9"))


@pytest.mark.parametrize("language", ["en", "zh-tw"])
@pytest.mark.parametrize("path", OTHER_PAGES)
def test_other_pages_are_sound_and_clean(path: str, language: str) -> None:
    browser = Browser(language=language).sign_in()
    scenarios.active(browser)
    assert_sound(browser.get(path))


def test_the_question_before_removing_is_sound_and_clean(member: Browser) -> None:
    scenarios.effective_entry(member)
    assert_sound(member.get(PAGE + "remove"))


@pytest.mark.parametrize("scenario", ALL, ids=name_of)
def test_no_page_is_kept_by_a_cache_and_all_carry_the_policy(scenario: Scenario) -> None:
    browser = Browser().sign_in()
    scenario(browser)
    for answer in (browser.get(), browser.post(), browser.get("/"), browser.get(PAGE + "help")):
        assert "no-store" in answer["Cache-Control"]
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


class TestLanguage:
    def test_without_a_wish_it_is_chinese(self, visitor: Browser) -> None:
        visitor.client.defaults.pop("HTTP_ACCEPT_LANGUAGE")
        assert '<html lang="zh-Hant">' in text_of(visitor.get(PAGE + "help"))

    @pytest.mark.parametrize(
        ("wish", "lang"),
        [("zh-TW", "zh-Hant"), ("zh", "zh-Hant"), ("ja", "zh-Hant"), ("en-GB,zh;q=0.5", "en")],
    )
    def test_the_browsers_wish_counts(self, wish: str, lang: str) -> None:
        page = Browser(language=wish).get(PAGE + "help")
        assert f'<html lang="{lang}">' in text_of(page)

    def test_the_switch_leads_back_to_the_same_page(self, member: Browser) -> None:
        path = PAGE + "history?page=1"
        switch = text_of(member.get(path)).split('action="/i18n/setlang/"')[1]
        found = re.search(r'name="next" value="([^"]*)"', switch)
        assert found is not None
        assert found[1] == path
        answer = member.post("/i18n/setlang/", next=path, language="zh-hant")
        assert (answer.status_code, answer["Location"]) == (302, path)
        assert '<html lang="zh-Hant">' in text_of(member.get(path))

    def test_the_switch_of_an_answered_request_leads_to_the_page(self, member: Browser) -> None:
        text = text_of(member.post())
        assert f'name="next" value="{PAGE}"' in text

    def test_the_switch_leads_nowhere_else(self, member: Browser) -> None:
        answer = member.post("/i18n/setlang/", next="https://evil.example/", language="en")
        assert answer["Location"] == "/"
