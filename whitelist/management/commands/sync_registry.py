"""`manage.py sync_registry`: bring followed zones up to date now, and say how it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError, CommandParser

from whitelist.management.base import DatabaseCommand
from whitelist.models.sync_run import SyncOutcome, SyncTrigger
from whitelist.models.zone import Zone
from whitelist.registry.following.report import report
from whitelist.registry.following.sync import ZoneBusyError, do_sync_zone
from whitelist.registry.import_files import this_user

BUSY = "busy"
IN_STEP = {str(SyncOutcome.UNCHANGED), str(SyncOutcome.APPLIED)}


class Command(DatabaseCommand):
    help = (
        "Bring zones in step with their name servers or files now: those that are named, or all"
        " that are followed (see follow_zone). One line a zone says how it went. The exit status is"
        " 0 only where every zone is in step; a zone that failed or is held keeps what it had."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "zone", nargs="*", help="its name; default: all zones that are followed"
        )
        parser.add_argument("--view", help="only the zones of this view")
        parser.add_argument(
            "--full", action="store_true", help="read everything, even where the serial is ours"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change, and change nothing"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        zones = chosen(options["zone"], options["view"])
        outcomes = {zone: self.sync(zone, options["full"], options["dry_run"]) for zone in zones}
        self.stdout.write(total(outcomes.values()))
        behind = [f"{zone} ({how})" for zone, how in outcomes.items() if how not in IN_STEP]
        if behind:
            raise CommandError(
                f"sync_registry: not in step: {', '.join(behind)}; the lines above say what to do"
            )

    def sync(self, zone: Zone, full: bool, dry_run: bool) -> str:
        try:
            run = do_sync_zone(
                zone,
                trigger=SyncTrigger.COMMAND,
                actor=this_user(),
                full=full,
                dry_run=dry_run,
                say=self.stderr.write,
            )
        except ZoneBusyError:
            self.stdout.write(f"{zone}: {BUSY}: another sync of it runs; wait for it and try again")
            return BUSY
        self.stdout.write(report(run) + (" (dry run, nothing was changed)" if dry_run else ""))
        return str(run.outcome)


def chosen(names: list[str], view: str | None) -> list[Zone]:
    """Raises `CommandError` where a zone is not there, or is not followed."""
    followed = Zone.objects.followed()
    if view is not None:
        followed = followed.filter(view=view)
    zones = list(followed)
    if not names:
        if not zones:
            raise CommandError("sync_registry: no zone is followed; see follow_zone")
        return zones
    wanted = [zone for name in names for zone in named(name, zones)]
    return list(dict.fromkeys(wanted))


def named(name: str, zones: list[Zone]) -> list[Zone]:
    """The zones of this name, in any view."""
    found = [zone for zone in zones if zone.name in {name, name.lower().removesuffix(".")}]
    if not found:
        known = ", ".join(map(str, zones)) or "none"
        raise CommandError(f"sync_registry: {name} is not followed; followed: {known}")
    return found


def total(outcomes: Iterable[str]) -> str:
    counts = Counter(outcomes)
    numbers = ", ".join(f"{count} {how}" for how, count in sorted(counts.items()))
    return f"{counts.total()} zones: {numbers}" if counts.total() != 1 else f"1 zone: {numbers}"
