"""Writing letters. Templates: `templates/notices/KIND.txt`, the first line is the subject."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation

from whitelist.models.entry import WhitelistEntry
from whitelist.models.notice import Notice
from whitelist.models.service_settings import ServiceSettings
from whitelist.sending import send_task

SEND_TASK = "whitelist.send_notices"
# Staff hear of one matter once an hour at most.
QUIET = timedelta(hours=1)
SUBJECT_LENGTH = 200
BLANK_LINES = re.compile(r"\n{3,}")


def tell_owner(
    entry: WhitelistEntry,
    kind: str,
    context: dict[str, Any],
    *,
    at: datetime,
    useful_until: datetime | None = None,
) -> bool:
    """Write to who requested the entry, in their language; whether we know an address of theirs."""
    if not entry.requester_email:
        return False
    language = entry.requester_language or settings.LANGUAGE_CODE
    subject, body = render(kind, {"entry": entry, **context}, language)
    write(
        kind, [entry.requester_email], subject, body, entry=entry, at=at, useful_until=useful_until
    )
    return True


def tell_person(
    recipient: str,
    kind: str,
    context: dict[str, Any],
    *,
    language: str,
    at: datetime,
    key: str = "",
    useful_until: datetime | None = None,
) -> None:
    """Write to somebody who has no entry yet, in the language that they just read."""
    subject, body = render(kind, context, language or settings.LANGUAGE_CODE)
    write(kind, [recipient], subject, body, key=key, at=at, useful_until=useful_until)


def tell_staff(kind: str, context: dict[str, Any], *, at: datetime, key: str) -> int:
    """Write to staff, in all languages; to how many. 0 where nobody wants it, or just had it.

    `key` names the matter, for example `relay_silent:mx1`.
    """
    recipients = ServiceSettings.load().alarm_recipients
    if not recipients or was_told(key, at):
        return 0
    letters = [render(kind, context, code) for code, _name in settings.LANGUAGES]
    subject = letters[0][0]
    # Not "-- ", behind which mail programs see a signature, and may hide it.
    body = "\n\n* * *\n\n".join(body for _subject, body in letters)
    write(kind, recipients, subject, body, key=key, at=at)
    return len(recipients)


def was_told(key: str, at: datetime) -> bool:
    return Notice.objects.filter(key=key, written_at__gt=at - QUIET).exists()


def render(kind: str, context: dict[str, Any], language: str) -> tuple[str, str]:
    """Subject (one line) and text."""
    with translation.override(language):
        text = render_to_string(f"notices/{kind}.txt", {"base_url": settings.BASE_URL, **context})
    subject, _newline, body = text.strip().partition("\n")
    return subject.strip()[:SUBJECT_LENGTH], BLANK_LINES.sub("\n\n", body).strip() + "\n"


def write(
    kind: str,
    recipients: Iterable[str],
    subject: str,
    body: str,
    *,
    at: datetime,
    entry: WhitelistEntry | None = None,
    key: str = "",
    useful_until: datetime | None = None,
) -> None:
    """One letter a recipient, so that one bad address stops no other."""
    Notice.objects.bulk_create(
        Notice(
            kind=kind,
            key=key,
            recipient=recipient,
            subject=subject,
            body=body,
            entry=entry,
            written_at=at,
            next_try_at=at,
            useful_until=useful_until,
        )
        for recipient in recipients
    )
    transaction.on_commit(request_delivery)


def request_delivery() -> None:
    send_task(SEND_TASK, otherwise="beat will find the letters")
