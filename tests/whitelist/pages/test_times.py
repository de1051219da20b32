"""Times as members read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone, translation

from whitelist.templatetags import whitelist_times as times

# The two forms that the pages' design names
AT = datetime(2026, 11, 24, 8, 22, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("show", "english", "chinese"),
    [
        (times.local_instant, "Tue 24 Nov 2026, 16:22:08", "2026/11/24（二）16:22:08"),
        (times.local_minute, "Tue 24 Nov 2026, 16:22", "2026/11/24（二）16:22"),
        (times.local_day_time, "Tue 24 Nov, 16:22:08", "11/24（二）16:22:08"),
        (times.local_day_minute, "Tue 24 Nov, 16:22", "11/24（二）16:22"),
        (times.local_clock, "16:22:08", "16:22:08"),
        (times.local_hour, "16:22", "16:22"),
    ],
)
def test_a_time_is_local_and_in_the_language(show: object, english: str, chinese: str) -> None:
    assert callable(show)
    with translation.override("en"):
        assert show(AT) == english
    with translation.override("zh-hant"):
        assert show(AT) == chinese


@pytest.mark.parametrize(("day", "name"), [(22, "日"), (23, "一"), (28, "六")])
def test_the_week_begins_where_it_does(day: int, name: str) -> None:
    with translation.override("zh-hant"):
        assert f"（{name}）" in times.local_minute(AT.replace(day=day))


def test_the_day_is_the_local_one() -> None:
    with translation.override("en"):
        assert times.local_minute(AT.replace(hour=16)) == "Wed 25 Nov 2026, 00:22"


def test_a_period_names_its_last_day_only_where_it_is_another() -> None:
    with translation.override("en"):
        hour = times.local_period(AT, AT + timedelta(hours=1))
        night = times.local_period(AT, AT + timedelta(hours=8))
    assert hour == "Tue 24 Nov, 16:22:08 – 17:22:08"
    assert night == "Tue 24 Nov, 16:22:08 – Wed 25 Nov, 00:22:08"


def test_the_zone_is_named() -> None:
    with translation.override("en"):
        assert times.zone_name() == "Taiwan time (UTC+8)"
        assert times.short_zone_name() == "Taiwan time"


@pytest.mark.parametrize(
    ("zone", "name"), [("Asia/Tokyo", "UTC+9"), ("Asia/Kolkata", "UTC+5:30"), ("UTC", "UTC+0")]
)
def test_elsewhere_the_offset_is_named(zone: str, name: str) -> None:
    with timezone.override(zone):
        assert times.zone_name() == name


@pytest.mark.parametrize(("number", "words"), [(1, "1 minute"), (60, "60 minutes")])
def test_minutes_have_their_plural(number: int, words: str) -> None:
    with translation.override("en"):
        assert times.minutes(number) == words


def test_only_whole_minutes_are_left() -> None:
    assert times.whole_minutes(timedelta(seconds=119)) == 1
    assert times.whole_minutes(timedelta(seconds=-5)) == 0
