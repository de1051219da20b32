"""`manage.py verify_audit`: whether the audit is still what was written."""

from __future__ import annotations

import re
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from whitelist.audit_chain import do_seal
from whitelist.audit_proof import Verdict, missing_guards, verify
from whitelist.management.base import DatabaseCommand

LINK = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")
SHOWN = 20


class Command(DatabaseCommand):
    help = (
        "Seal what is new, then walk the whole chain of digests over the audit records, and say"
        " how many links there are, the last one (note it elsewhere: --noted compares with it),"
        " and where the chain breaks. The exit status is 1 where it breaks, or where the database"
        " would not refuse a change."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--noted",
            action="append",
            default=[],
            metavar="LINK",
            help="a link that an earlier run, or the log, has told (sequence:digest); repeatable",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        noted = dict(map(link, options["noted"]))
        do_seal(timezone.now())
        verdict, guards = verify(noted), missing_guards()
        self.stdout.write(summary(verdict))
        self.tell("sealed long after its time", verdict.late)
        self.tell("broken", verdict.breaks)
        self.tell("the database has no guard", guards)
        if verdict.breaks or guards:
            raise CommandError(
                f"verify_audit: {len(verdict.breaks)} breaks, {len(guards)} guards missing"
            )

    def tell(self, what: str, lines: list[str]) -> None:
        for line in lines[:SHOWN]:
            self.stdout.write(f"{what}: {line}")
        if len(lines) > SHOWN:
            self.stdout.write(f"{what}: and {len(lines) - SHOWN} more")


def link(text: str) -> tuple[int, str]:
    """Raises `CommandError`."""
    found = LINK.fullmatch(text)
    if found is None:
        raise CommandError(f"verify_audit: --noted is sequence:digest, not {text!r}")
    return int(found[1]), found[2]


def summary(verdict: Verdict) -> str:
    records = verdict.links - verdict.outdone
    counts = f"{records} records, {verdict.waiting} not sealed yet"
    rewritten = f"identities replaced {verdict.outdone} times"
    return f"{counts}; {rewritten}\nlast link: {verdict.head.sequence}:{verdict.head.digest}"
