"""Close the entries that have lapsed."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from whitelist.entries import do_end_due_entries
from whitelist.management.base import DatabaseCommand


class Command(DatabaseCommand):
    help = (
        "Closes every entry whose term is over, and asks for a new map. The scheduler does it "
        "every few seconds; an entry that has lapsed is exempt no longer, closed or not."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        count = do_end_due_entries(timezone.now())
        self.stdout.write(f"Closed {count} lapsed entries.")
