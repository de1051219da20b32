"""What a screen reader's user hears: the accessibility tree, in order, as Chromium makes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from tests.real.browser import Browser as Chromium
from tests.whitelist.factories import register
from tests.whitelist.pages import scenarios
from tests.whitelist.pages.desk import Desk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

AROUND = """
- link "Skip to main content"
- banner:
  - link "NTHU Computer & Communication Center Network Systems Online Services"
  - text: 王小明 (student)
  - button "Sign out"
  - navigation "Language":
    - button "中文（繁體） – 切換為繁體中文"
- navigation "This service":
  - link "Status"
  - link "My history"
  - link "Help"
- main
- contentinfo
- status
"""
APPLY = """
- heading "Add this computer to the whitelist" [level=1]
- paragraph: For 60 minutes, mail from this IP through smtp.net.nthu.edu.tw has no sending limit.
- region "Check these details":
  - heading "Check these details" [level=2]
  - term: Your IP address
  - definition:
    - strong: 140.114.64.154
    - text: From your connection.
    - link "Not your IP?"
  - definition: On campus
  - term: Domain name
  - definition: lab154.ee.nthu.edu.tw
  - definition: Registered
  - term: Applicant
  - definition: 王小明, student enrolment status 校
  - definition: Eligible
  - term: Time now
  - definition: /Tue 24 Nov 2026, 12:00:\\d\\d Taiwan time \\(UTC\\+8\\)/
- complementary "Before you add it":
  - heading "Before you add it" [level=2]
  - list
  - heading "These may suit you better" [level=2]
- region "Submit":
  - text: Verification code
  - paragraph: Type the 5 digits in the picture, or listen to them.
  - img "Verification picture of 5 digits. If you cannot see it, listen to them below."
  - textbox "Verification code"
  - button "New code"
  - text: English audio 國語語音
  - group: Can’t see or hear it?
  - paragraph:
    - checkbox "Email me at s***1@example.edu.tw when it takes effect, and before it ends"
  - button "Add for 60 minutes"
  - text: 5 requests left today
"""
WRONG_CODE = """
- alert "There is a problem":
  - heading "There is a problem" [level=2]
  - list:
    - listitem:
      - link "That code was not correct. Here is a new one – please try again."
- heading "Add this computer to the whitelist" [level=1]
"""
ACTIVE = """
- region "可以開始寄信了":
  - paragraph: 已生效
  - heading "可以開始寄信了" [level=1]
  - paragraph
  - text: 剩餘時間
  - timer "剩餘時間"
  - progressbar "剩餘時間"
  - text: /有效至 12:59:\\d\\d，台灣時間（UTC\\+8）/
  - button "暫停自動更新"
- region "接下來"
- region "這次的登記"
"""


@pytest.fixture
def chinese_desk(clean_chromium: Chromium, live_server: LiveServer) -> Iterator[Desk]:
    register()
    desk = Desk(clean_chromium, live_server, locale="zh-TW")
    yield desk
    desk.context.close()


def test_around_the_page_are_its_landmarks(desk: Desk) -> None:
    expect(desk.look().locator("body")).to_match_aria_snapshot(AROUND)


def test_facts_come_before_the_form_and_the_form_in_the_order_of_its_use(desk: Desk) -> None:
    expect(desk.look().locator("main")).to_match_aria_snapshot(APPLY)


def test_a_wrong_code_is_the_first_thing_heard(desk: Desk) -> None:
    page = desk.look()
    page.fill("input[name=captcha_1]", "11111")
    page.click("main form button.primary")
    expect(page.locator("main")).to_match_aria_snapshot(WRONG_CODE)


def test_that_it_is_active_is_heard_before_what_comes_next(chinese_desk: Desk) -> None:
    scenarios.effective_entry(chinese_desk.member)
    expect(chinese_desk.look().locator("main")).to_match_aria_snapshot(ACTIVE)
