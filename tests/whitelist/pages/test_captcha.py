"""The code itself: digits, one attempt, a sharp picture."""

from __future__ import annotations

import io
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from captcha.models import CaptchaStore
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image

from tests.whitelist.pages.member import new_code
from whitelist.pages.captcha import digits_challenge, do_discard_captcha, do_use_captcha


def test_a_code_is_five_digits_from_2_to_9() -> None:
    for _ in range(200):
        challenge, answer = digits_challenge()
        assert challenge == answer
        assert len(answer) == 5
        assert set(answer) <= set("23456789")


def test_all_digits_come_about_equally_often() -> None:
    count = Counter("".join(digits_challenge()[0] for _ in range(2000)))
    assert set(count) == set("23456789")
    assert min(count.values()) > 900  # 1250 are expected; 900 is ten standard deviations away


@pytest.mark.django_db
def test_a_right_answer_counts_once() -> None:
    key, answer = new_code()
    assert do_use_captcha(key, answer, at=timezone.now())
    assert not do_use_captcha(key, answer, at=timezone.now())


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["", "2345", "234567", "2345６７", "abcde", "二三四五六"])
def test_a_wrong_answer_uses_the_code_up(wrong: str) -> None:
    key, answer = new_code()
    assert not do_use_captcha(key, wrong, at=timezone.now())
    assert not do_use_captcha(key, answer, at=timezone.now())


@pytest.mark.django_db
def test_an_expired_code_is_not_accepted() -> None:
    key, answer = new_code()
    assert not do_use_captcha(key, answer, at=timezone.now() + timedelta(hours=8, minutes=1))


@pytest.mark.django_db
def test_a_discarded_code_is_gone() -> None:
    key, answer = new_code()
    do_discard_captcha(key)
    assert not do_use_captcha(key, answer, at=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_of_eight_threads_that_all_saw_the_code_one_uses_it() -> None:
    key, answer = new_code()
    barrier = threading.Barrier(8)

    def attempt(_number: int) -> bool:
        writes: list[str] = []

        def wait_before_the_first_write(execute: Any, sql: str, *rest: Any) -> Any:
            if not sql.startswith("SELECT"):  # SQLite locks at BEGIN already
                writes.append(sql)
                if len(writes) == 1:
                    barrier.wait(timeout=30)
            return execute(sql, *rest)

        try:
            # Connecting has statements of its own.
            connection.ensure_connection()
            with connection.execute_wrapper(wait_before_the_first_write):
                return do_use_captcha(key, answer, at=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


@pytest.mark.django_db
class TestPicture:
    def picture(self, key: str) -> Image.Image:
        answer = Client().get(f"/smtp-whitelist/code/{key}.png")
        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/png"
        assert "no-store" in answer["Cache-Control"]
        return Image.open(io.BytesIO(answer.content))

    def test_it_has_twice_the_pixels_that_the_page_shows(self) -> None:
        assert self.picture(new_code()[0]).size == (300, 144)

    def test_every_digit_is_inside(self) -> None:
        for digit in "23456789":
            key, _answer = new_code()
            CaptchaStore.objects.filter(hashkey=key).update(challenge=digit * 5, response=digit * 5)
            ink = self.picture(key).convert("L").point(lambda value: 255 if value < 70 else 0)
            box = ink.getbbox()
            assert box is not None
            left, top, right, bottom = box
            assert left > 2
            assert top > 2
            assert right < 298
            assert bottom < 142
            assert bottom - top > 50

    def test_it_is_gone_once_the_code_was_used(self) -> None:
        key, answer = new_code()
        do_use_captcha(key, answer, at=timezone.now())
        assert Client().get(f"/smtp-whitelist/code/{key}.png").status_code == 410

    def test_the_package_needs_no_noise_that_hides_digits(self) -> None:
        assert settings.CAPTCHA_NOISE_FUNCTIONS == ["whitelist.pages.captcha.noise_lines"]
