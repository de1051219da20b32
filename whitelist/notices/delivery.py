"""Delivering letters: each at least once, one worker at a time, later again where it failed."""

from __future__ import annotations

import logging
import re
from datetime import datetime, timedelta
from email.utils import format_datetime
from smtplib import (
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from whitelist.models.confirmation_link import ConfirmationLink
from whitelist.models.notice import Notice

log = logging.getLogger(__name__)

BATCH = 100
# Longer than an attempt lasts: a worker that dies in one has not taken the letter with it.
CLAIM = timedelta(minutes=5)
RETRY = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
KEPT = timedelta(days=30)
# What opens something is for the letter's reader alone: the copy that is kept goes without it.
TOKEN = re.compile(r"(?<=/confirm/)[\w-]+")


class UnreachableError(Exception):
    """The mail server does not answer."""


def do_send_notices(at: datetime) -> int:
    """Deliver what is due; how many were delivered.

    Written down at once, letter by letter: after a crash one may come twice, none is lost.
    """
    due = list(Notice.objects.due(at).order_by("next_try_at", "pk")[:BATCH])
    if not due:
        return 0
    connection, delivered = get_connection(), 0
    try:
        for notice in due:
            if claim(notice, at):
                delivered += deliver(notice, connection, at)
    except UnreachableError:
        log.warning("the mail server is away: %s of %s letters delivered", delivered, len(due))
    finally:
        connection.close()
    return delivered


def claim(notice: Notice, at: datetime) -> bool:
    """Take it for ourselves; False where another worker was faster."""
    still_there = Notice.objects.waiting().filter(pk=notice.pk, next_try_at=notice.next_try_at)
    return still_there.update(next_try_at=at + CLAIM, attempts=notice.attempts + 1) == 1


def deliver(notice: Notice, connection: BaseEmailBackend, at: datetime) -> bool:
    """Raises `UnreachableError` where the next letter would only wait as long again."""
    if notice.is_worthless(at):
        update(notice, given_up_at=at, last_error="too late", body=without_token(notice))
        return False
    try:
        connection.send_messages([letter(notice)])
    except (SMTPException, OSError, ValueError) as error:
        connection.close()
        write_down_failure(notice, error, at)
        # smtplib's own errors are kinds of OSError, too.
        is_answer = isinstance(error, SMTPException | ValueError)
        if not is_answer or isinstance(error, SMTPConnectError | SMTPServerDisconnected):
            raise UnreachableError from error
        return False
    update(notice, sent_at=at, last_error="", body=without_token(notice))
    return True


def update(notice: Notice, **changes: object) -> None:
    Notice.objects.filter(pk=notice.pk).update(**changes)


def without_token(notice: Notice) -> str:
    return TOKEN.sub("…", notice.body)


def write_down_failure(notice: Notice, error: Exception, at: datetime) -> None:
    log.warning("notice %s not delivered: %s", notice.pk, type(error).__name__)
    pause = RETRY[min(notice.attempts, len(RETRY) - 1)]
    changes: dict[str, object] = {"last_error": told(error)[:300], "next_try_at": at + pause}
    if is_final(error) or at + pause >= notice.age_limit:
        changes |= {"given_up_at": at, "body": without_token(notice)}
    update(notice, **changes)


def is_final(error: Exception) -> bool:
    """Whether the mail server has said that this letter will never be taken.

    A failed sign-in or a refused greeting is ours to mend, and then the letter goes.
    """
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= 500 for code, _text in error.recipients.values())
    if isinstance(error, SMTPDataError | SMTPSenderRefused):
        return error.smtp_code >= 500
    return isinstance(error, ValueError)  # a header that no letter can have


def told(error: Exception) -> str:
    """What the server said, or what happened, in one line."""
    if isinstance(error, SMTPRecipientsRefused):
        answers = (f"{code} {text!r}" for code, text in error.recipients.values())
        return "; ".join(answers)
    return " ".join(f"{type(error).__name__}: {error}".split())


def letter(notice: Notice) -> EmailMessage:
    """Its Message-ID stays the same at each attempt, so that a second copy is known as one."""
    domain = urlsplit(settings.BASE_URL).hostname
    return EmailMessage(
        notice.subject,
        notice.body,
        to=[notice.recipient],
        headers={
            "Message-ID": f"<notice-{notice.pk}-{int(notice.written_at.timestamp())}@{domain}>",
            "Date": format_datetime(notice.written_at),
            "Auto-Submitted": "auto-generated",
        },
    )


def do_forget_notices(at: datetime) -> int:
    """Letters hold personal data, and are of no use after a month; how many were dropped.

    The links of letters go as soon as they are over.
    """
    ConfirmationLink.objects.over(at).delete()
    old = Notice.objects.filter(written_at__lt=at - KEPT)
    return old.delete()[0]
