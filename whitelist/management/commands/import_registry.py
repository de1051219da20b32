"""`manage.py import_registry`: registered names from a CSV file or a zone file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from whitelist.management.base import DatabaseCommand
from whitelist.models.zone import ZoneKind
from whitelist.registry.applying.apply import Source, do_apply_hosts
from whitelist.registry.import_files import (
    left_out_words,
    opened,
    summary,
    this_user,
    with_progress,
)
from whitelist.registry.omissions import Omissions
from whitelist.registry.sources import HostRow, SourceError
from whitelist.registry.sources.csv_file import read_hosts
from whitelist.registry.sources.zone_file import ZoneFile

MAX_SOURCE_NAME = 255


class Command(DatabaseCommand):
    help = (
        "Add and update registered names. Format csv: header address,hostname[,unit,contact]."
        " Format zone: one zone as a master file, forward or reverse; records that register no"
        " host (wildcards, aliases, names below a zone cut …) are left out and counted. A bad line"
        " is named by its number, and then nothing is applied."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the file; - reads standard input")
        parser.add_argument(
            "--format", choices=["csv", "zone"], required=True, help="a list, or a DNS master file"
        )
        parser.add_argument(
            "--origin", help="zone: its name, where the file has neither $ORIGIN nor a full SOA"
        )
        parser.add_argument(
            "--source", help="csv: the name of the list that the file states (default: csv)"
        )
        parser.add_argument(
            "--replace",
            action="store_true",
            help="the file is the whole truth of its source: hosts that it lacks are removed",
        )
        parser.add_argument(
            "--accept-loss",
            action="store_true",
            help="with --replace: go on where too many addresses would lose their last name",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change, and change nothing"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        check_options(options)
        run = self.import_csv if options["format"] == "csv" else self.import_zone
        try:
            with opened(options["file"], seekable=options["format"] == "zone") as file:
                self.stdout.write(run(file, options))
        except SourceError as error:
            raise CommandError(f"import_registry: nothing was applied\n{error}") from error

    def import_csv(self, file: BinaryIO, options: dict[str, Any]) -> str:
        source = Source(options["source"] or "csv", ZoneKind.LIST)
        return self.apply(source, read_hosts(file), options, None)

    def import_zone(self, file: BinaryIO, options: dict[str, Any]) -> str:
        zone = ZoneFile(file, options["origin"])
        outline = zone.outline
        source = Source(
            outline.apex,
            outline.kind,
            serial=outline.serial,
            cuts=outline.cuts,
            renamed=outline.renamed,
        )
        said = self.apply(source, zone.hosts(), options, zone.omissions)
        return said + left_out_words(zone.left_out)

    def apply(
        self,
        source: Source,
        rows: Iterator[HostRow],
        options: dict[str, Any],
        omissions: Omissions | None,
    ) -> str:
        changes = do_apply_hosts(
            source,
            with_progress(rows, self.stderr.write),
            actor=this_user(),
            at=timezone.now(),
            replace=options["replace"],
            accept_loss=options["accept_loss"],
            dry_run=options["dry_run"],
            omissions=omissions,
        )
        return summary(f"{source.kind.value} {source.name}", changes, dry_run=options["dry_run"])


def check_options(options: dict[str, Any]) -> None:
    """Options that mean nothing together are a mistake, not a default."""
    if options["format"] == "csv" and options["origin"]:
        raise CommandError("--origin is for --format zone")
    if options["format"] == "zone" and options["source"]:
        raise CommandError("--source is for --format csv: a zone's source is its own name")
    if options["source"] and len(options["source"]) > MAX_SOURCE_NAME:
        raise CommandError(f"--source is longer than {MAX_SOURCE_NAME} characters")
