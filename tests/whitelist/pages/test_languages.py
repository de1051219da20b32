"""A Chinese page is Chinese, an English page English, in every state of it.

On an English page Chinese words are names, and are marked for the voice that reads them.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.whitelist.pages.member import Browser
from tests.whitelist.pages.scenarios import ALL, Scenario

pytestmark = [pytest.mark.django_db, pytest.mark.words]

# Three English words in a row; names, addresses and codes are never that.
SENTENCE = re.compile(r"[A-Za-z’']{2,}(?:[ ,]+[A-Za-z’']{2,}){2,}")
# What staff, the registry and the design say in English on purpose.
ALLOWED = re.compile(
    r"portal check failed|Computer & Communication Center|Taiwan time|IN (?:A|AAAA|PTR) "
)
PATHS = ("/smtp-whitelist/help", "/smtp-whitelist/history", "/privacy", "/accessibility", "/")


HAN = re.compile(r"[\u4e00-\u9fff]+")


class Text(HTMLParser):
    """The text that a reader meets; parts marked as of the other language are left out."""

    def __init__(self, other: str = "en") -> None:
        super().__init__()
        self.other = other
        self.words: list[str] = []
        self.apart = 0
        self.stack: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if not self.apart and values.get("lang") != self.other:
            self.words += [
                values[name] or "" for name in ("alt", "aria-label", "title") if name in values
            ]
        if tag in {"meta", "link", "input", "img", "br", "hr", "path", "circle", "rect"}:
            return
        self.stack.append(values.get("lang") == self.other)
        self.apart += self.stack[-1]

    def handle_endtag(self, tag: str) -> None:
        if self.stack and tag not in {"meta", "link", "input", "img", "br", "hr"}:
            self.apart -= self.stack.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_data(self, data: str) -> None:
        if not self.apart:
            self.words.append(data)


def english_in(html: str) -> list[str]:
    text = Text()
    text.feed(html)
    found = [match[0] for word in text.words for match in SENTENCE.finditer(word)]
    return [sentence for sentence in found if not ALLOWED.search(sentence)]


def test_an_english_sentence_would_be_found():
    assert english_in('<p>請 <span lang="en">Go on now please</span></p>') == []
    assert english_in("<p>請 Please go on now</p>") == ["Please go on now"]


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.__name__)
def test_no_state_of_the_page_has_an_english_sentence(scenario: Scenario):
    browser = Browser(language="zh-TW").sign_in()
    scenario(browser)
    page = browser.get().content.decode()
    assert '<html lang="zh-Hant"' in page
    assert english_in(page) == []


@pytest.mark.parametrize("path", PATHS)
def test_no_other_page_has_an_english_sentence(path: str):
    assert english_in(Browser(language="zh-TW").sign_in().get(path).content.decode()) == []


def chinese_in(html: str) -> list[str]:
    text = Text("zh-Hant")
    text.feed(html)
    return [match[0] for word in text.words for match in HAN.finditer(word)]


def test_an_unmarked_chinese_word_would_be_found():
    assert chinese_in('<p>status <span lang="zh-Hant">校</span></p>') == []
    assert chinese_in("<p>status 校</p>") == ["校"]


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.__name__)
def test_no_state_of_the_english_page_has_chinese_that_is_not_marked(scenario: Scenario):
    browser = Browser(language="en").sign_in()
    scenario(browser)
    page = browser.get().content.decode()
    assert '<html lang="en"' in page
    assert chinese_in(page) == []


@pytest.mark.parametrize("path", PATHS)
def test_no_other_english_page_has_chinese_that_is_not_marked(path: str):
    assert chinese_in(Browser(language="en").sign_in().get(path).content.decode()) == []
