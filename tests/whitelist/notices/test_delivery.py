"""Letters leave by real SMTP: at least once, later again where it failed, never for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import override_settings

from tests.whitelist.factories import NOON, open_entry
from tests.whitelist.notices.mail_server import MailServer
from whitelist.models import Notice
from whitelist.notices.delivery import claim, do_forget_notices, do_send_notices
from whitelist.notices.telling import write

pytestmark = pytest.mark.django_db
TO = "s112062501@example.edu.tw"
AWAY = override_settings(
    EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
    EMAIL_HOST="127.0.0.1",
    EMAIL_PORT=1,
)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def letter(subject: str = "白名單 is over", to: str = TO) -> Notice:
    write("test", [to], subject, "第一行\nSecond line.\n", at=NOON)
    return Notice.objects.latest("pk")


def test_a_letter_is_delivered_once_and_says_what_was_written(server: MailServer) -> None:
    notice = letter()
    assert do_send_notices(NOON) == 1
    assert do_send_notices(NOON + timedelta(days=1)) == 0
    (got,) = server.letters
    assert got["To"] == TO
    assert got["Subject"] == "白名單 is over"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got.get_content().splitlines() == ["第一行", "Second line."]
    notice.refresh_from_db()
    assert (notice.sent_at, notice.attempts, notice.last_error) == (NOON, 1, "")


def test_a_letter_that_was_written_in_vain_is_not_delivered(server: MailServer) -> None:
    with transaction.atomic():
        letter()
        transaction.set_rollback(True)
    assert do_send_notices(NOON) == 0
    assert server.letters == []


@pytest.mark.parametrize(
    ("command", "answer", "is_final"),
    [
        ("RCPT", "550 5.1.1 No such user", True),
        ("RCPT", "451 4.7.1 Greylisted", False),
        ("DATA", "554 5.7.1 Refused as spam", True),
        ("DATA", "452 4.3.1 Out of space", False),
    ],
)
def test_a_refusal_is_final_only_where_the_server_says_so(
    server: MailServer, command: str, answer: str, is_final: bool
) -> None:
    notice = letter()
    server.refusals[command] = answer
    assert do_send_notices(NOON) == 0
    notice.refresh_from_db()
    assert (notice.given_up_at == NOON) is is_final
    assert answer.partition(" ")[0] in notice.last_error
    server.refusals.clear()
    assert do_send_notices(notice.next_try_at) == (0 if is_final else 1)


def test_one_bad_address_stops_no_other_letter(server: MailServer) -> None:
    letter(to="bad\naddress@example.edu.tw")
    letter(to="good@example.edu.tw")
    assert do_send_notices(NOON) == 1
    assert [got["To"] for got in server.letters] == ["good@example.edu.tw"]


def test_a_server_that_is_away_costs_time_and_no_letter() -> None:
    notice = letter()
    at = NOON
    with AWAY:
        for minutes in (1, 5, 15, 60, 60):
            assert do_send_notices(at) == 0
            notice.refresh_from_db()
            assert notice.next_try_at == at + timedelta(minutes=minutes)
            assert notice.given_up_at is None
            at = notice.next_try_at
    with MailServer() as server:
        assert do_send_notices(at) == 1
    assert len(server.letters) == 1


def test_where_the_server_is_away_one_letter_finds_out_for_all() -> None:
    first, second = letter(), letter()
    with AWAY:
        assert do_send_notices(NOON) == 0
    attempts = [Notice.objects.get(pk=notice.pk).attempts for notice in (first, second)]
    assert attempts == [1, 0]


def test_a_letter_is_given_up_after_a_day() -> None:
    notice = letter()
    with AWAY:
        do_send_notices(NOON + timedelta(hours=23, minutes=59))
    notice.refresh_from_db()
    assert notice.given_up_at is not None
    assert "refused" in notice.last_error


def test_only_one_of_two_workers_takes_a_letter(server: MailServer) -> None:
    first = letter()
    second = Notice.objects.get(pk=first.pk)
    assert claim(first, NOON)
    assert not claim(second, NOON)
    assert do_send_notices(NOON) == 0, "while the first worker is at it"
    assert do_send_notices(NOON + timedelta(minutes=5)) == 1, "and had died in it"


def test_a_subject_that_no_letter_can_have_is_given_up(server: MailServer) -> None:
    notice = letter(subject="one\nBcc: everybody@example.edu.tw")
    assert do_send_notices(NOON) == 0
    notice.refresh_from_db()
    assert notice.given_up_at == NOON
    assert server.letters == []


def test_letters_are_forgotten_after_a_month_and_entries_stay() -> None:
    entry = open_entry()
    write("test", [TO], "old", "x", at=NOON - timedelta(days=31), entry=entry)
    young = letter()
    assert do_forget_notices(NOON) == 1
    assert list(Notice.objects.all()) == [young]
    entry.refresh_from_db()
