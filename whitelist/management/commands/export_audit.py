"""`manage.py export_audit`: audit records as CSV or JSON lines, on the standard output."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from whitelist.audit_export import FORMATS, NotAMomentError, between, moment
from whitelist.management.base import DatabaseCommand

FORM = "a day (2026-11-24), or a time (2026-11-24T16:22:08+08:00)"


class Command(DatabaseCommand):
    help = (
        "Write audit records to the standard output, the oldest first. Times without an offset"
        " are in the service's time zone; CSV holds nothing that a spreadsheet takes for a formula."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", help=f"from then on; {FORM}")
        parser.add_argument("--until", help="before then, or with a day alone: through that day")
        parser.add_argument("--format", choices=sorted(FORMATS), default="csv", help="default: csv")

    def handle(self, *_args: Any, **options: Any) -> None:
        since = bound("--since", options["since"])
        until = bound("--until", options["until"], is_end=True)
        lines, _content_type = FORMATS[options["format"]]
        for line in lines(between(since, until)):
            self.stdout.write(line, ending="")


def bound(name: str, text: str | None, *, is_end: bool = False) -> datetime | None:
    """Raises `CommandError`."""
    if text is None:
        return None
    try:
        return moment(text, is_end=is_end)
    except NotAMomentError as error:
        raise CommandError(f"export_audit: {name} is {FORM}, not {text!r}") from error
