"""`manage.py import_networks`: the campus's networks from CSV."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from whitelist.management.base import DatabaseCommand
from whitelist.registry.import_files import opened, summary, this_user
from whitelist.registry.networks import do_apply_networks
from whitelist.registry.sources import SourceError
from whitelist.registry.sources.csv_file import read_networks


class Command(DatabaseCommand):
    help = (
        "Add and update networks from a CSV file with the header cidr,kind[,unit,contact]; kind"
        " is one of static, dhcp, wifi, dorm, nat, vpn, reserved. Networks that the file does not"
        " name stay. A bad line is named by its number, and then nothing is applied."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="a CSV file in UTF-8; - reads standard input")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change, and change nothing"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        try:
            with opened(options["file"]) as file:
                rows = read_networks(file)
        except SourceError as error:
            raise CommandError(f"import_networks: nothing was applied\n{error}") from error
        changes = do_apply_networks(rows, actor=this_user(), at=timezone.now(), dry_run=dry_run)
        self.stdout.write(summary("networks", changes, dry_run=dry_run))
