"""The code as a sound: understandable, never twice alike, gone with the code."""

from __future__ import annotations

import io
import re
import wave
from datetime import timedelta

import pytest
from captcha.models import CaptchaStore
from django.conf import settings
from django.test import Client
from django.utils import timezone

from tests.whitelist.pages.listener import heard, samples_of
from tests.whitelist.pages.member import Answer, Browser, new_code, text_of
from whitelist.pages.captcha import do_use_captcha
from whitelist.pages.spoken import DIGITS, LANGUAGES, spoken, voice

LONGEST = 62_000  # bytes; on the slowest connection that we mean to serve, two seconds
KEY = "0123456789abcdef"


def sound(key: str, language: str = "zh", **headers: str) -> Answer:
    answer: Answer = Client().get(f"/smtp-whitelist/code/{key}.{language}.wav", headers=headers)
    return answer


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_digit_is_heard_in_its_place(language: str) -> None:
    codes = ["23456", "78926", "54987"]
    notes = [heard(spoken(code, language, code.encode()), language) for code in codes]
    assert [len(note) for note in notes] == [5, 5, 5]
    pairs = zip("".join(codes), "".join(notes), strict=True)
    misheard = [(said, noted) for said, noted in pairs if said != noted]
    # liù and jiǔ, six and seven are near each other, and the listener is a simple one.
    assert len(misheard) <= 1, misheard


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_recording_holds_every_digit_and_no_two_alike(language: str) -> None:
    rate, recordings = voice(language)
    assert "".join(recordings) == DIGITS
    assert len({bytes(samples) for samples in recordings.values()}) == len(DIGITS)
    assert all(0.3 < len(samples) / rate < 0.7 for samples in recordings.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_has_time_to_be_typed_and_is_small(language: str) -> None:
    for seed in range(8):
        file = spoken("89789", language, bytes([seed]))  # the longest digits
        assert len(file) < LONGEST
        with wave.open(io.BytesIO(file)) as opened:
            seconds = opened.getnframes() / opened.getframerate()
        assert seconds > 3.5, "five digits and the pauses between"


def test_it_is_never_too_loud_for_its_bytes() -> None:
    samples = samples_of(spoken("28282", "en", b"1"))
    assert -128 < min(samples) < -60
    assert 60 < max(samples) < 127


def test_one_seed_gives_one_sound_and_another_seed_another() -> None:
    assert spoken("23456", "zh", b"1") == spoken("23456", "zh", b"1")
    one, other = (spoken("23456", "zh", seed) for seed in (b"1", b"2"))
    assert len(one) != len(other), "another pace"


@pytest.mark.django_db
class TestUrl:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_it_speaks_the_code_of_the_picture(self, language: str) -> None:
        key, _code = new_code()
        CaptchaStore.objects.filter(hashkey=key).update(challenge="78954", response="78954")
        answer = sound(key, language)
        assert answer.status_code == 200
        assert answer["Content-Type"] == "audio/wav"
        assert int(answer["Content-Length"]) == len(answer.content)
        assert "no-store" in answer["Cache-Control"]
        assert answer.content == sound(key, language).content
        with wave.open(io.BytesIO(answer.content)) as opened:
            assert opened.getnframes() == len(answer.content) - 44

    def test_its_noise_cannot_be_worked_out_from_the_url(self) -> None:
        key, code = new_code()
        seeds = (key.encode(), f"{key} zh".encode())
        assert sound(key).content not in {spoken(code, "zh", seed) for seed in seeds}

    def test_listening_does_not_use_the_code_up_and_using_it_ends_the_sound(self) -> None:
        key, code = new_code()
        assert sound(key).status_code == 200
        assert do_use_captcha(key, code, at=timezone.now())
        answer = sound(key)
        assert answer.status_code == 410
        assert answer.content == b""

    def test_it_ends_when_the_code_expires(self) -> None:
        key, _code = new_code()
        CaptchaStore.objects.filter(hashkey=key).update(expiration=timezone.now())
        assert sound(key).status_code == 410

    @pytest.mark.parametrize("language", ["de", "zh-hant", "..", "EN"])
    def test_other_languages_are_not_there(self, language: str) -> None:
        assert sound(new_code()[0], language).status_code == 404

    def test_it_takes_no_post(self) -> None:
        key, _code = new_code()
        assert Client().post(f"/smtp-whitelist/code/{key}.en.wav").status_code == 405

    @pytest.mark.parametrize(
        ("asked", "status", "first", "last"),
        [
            ("bytes=0-1", 206, 0, 1),
            ("bytes=44-", 206, 44, None),
            ("bytes=-100", 206, -100, None),
            ("bytes=10-99999999", 206, 10, None),
            ("bytes=0-1,5-6", 200, 0, None),
            ("bytes=9-3", 200, 0, None),
            ("bytes=x-3", 200, 0, None),
            ("bytes=-", 200, 0, None),
            ("lines=1-2", 200, 0, None),
        ],
    )
    def test_a_player_may_ask_for_a_part(
        self, asked: str, status: int, first: int, last: int | None
    ) -> None:
        key, _code = new_code()
        whole = sound(key).content
        part = whole[first : None if last is None else last + 1]
        answer = sound(key, Range=asked)
        assert (answer.status_code, answer.content) == (status, part)
        assert answer["Accept-Ranges"] == "bytes"
        assert int(answer["Content-Length"]) == len(part)
        if status == 206:
            start = first % len(whole)
            wanted = f"bytes {start}-{start + len(part) - 1}/{len(whole)}"
            assert answer["Content-Range"] == wanted

    @pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
    def test_a_part_behind_the_end_is_refused(self, asked: str) -> None:
        answer = sound(new_code()[0], Range=asked)
        assert (answer.status_code, answer.content) == (416, b"")
        assert answer["Content-Range"].startswith("bytes */")

    def test_no_digit_by_itself_is_among_the_static_files(self) -> None:
        for path in ("/static/voices/zh.wav", "/static/zh.wav"):
            assert Client().get(path).status_code == 404


@pytest.mark.words
class TestPage:
    SOUND = re.compile(r'<audio controls preload="none" aria-labelledby="([^"]+)" src="([^"]+)">')

    @pytest.mark.parametrize(("language", "order"), [("en", "en zh"), ("zh-TW", "zh en")])
    def test_both_languages_can_be_played_the_pages_own_first(
        self, language: str, order: str, member: Browser
    ) -> None:
        member.client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
        page = text_of(member.get())
        found = self.SOUND.findall(page)
        assert [label for label, _url in found] == [f"hear-{code}" for code in order.split()]
        for _label, url in found:
            assert member.get(url).status_code == 200
        assert '<span class="label" id="hear-zh" lang="zh-Hant">' in page
        assert '<span class="label" id="hear-en" lang="en">' in page

    def test_the_policy_lets_it_play(self, member: Browser) -> None:
        assert "media-src 'self'" in member.get()["Content-Security-Policy"]


@pytest.mark.django_db
def test_a_code_lives_as_long_as_a_session_can() -> None:
    session = timedelta(seconds=settings.PORTAL_SESSION_ABSOLUTE_SECONDS)
    key, code = new_code()
    assert do_use_captcha(key, code, at=timezone.now() + session - timedelta(minutes=1))
    key, code = new_code()
    assert not do_use_captcha(key, code, at=timezone.now() + session + timedelta(minutes=1))
