"""`manage.py follow_zone`: how a zone comes to us by itself."""

from __future__ import annotations

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from whitelist.management.base import DatabaseCommand
from whitelist.models.zone import Zone, ZoneKind, ZoneSource
from whitelist.registry.following.follow import (
    FollowError,
    Following,
    check_server,
    do_follow_zone,
    do_stop_following,
    kind_of_name,
)
from whitelist.registry.following.from_file import check_file_name
from whitelist.registry.following.servers import zone_servers
from whitelist.registry.import_files import this_user
from whitelist.registry.sources import SourceError
from whitelist.registry.sources.zone_file import checked_origin

MAX_NAME = 255
MAX_VIEW = 50


class Command(DatabaseCommand):
    help = (
        "Follow a zone from its name servers or from a file, change how, or stop following it."
        " Running it again with the same words changes nothing. The zone is synced by the workers"
        " within seconds; sync_registry does it at once and says how it went."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the zone's name, or the name of a list")
        parser.add_argument(
            "--kind",
            choices=ZoneKind.values,
            help="default: reverse below in-addr.arpa and ip6.arpa, list where the name has no"
            " dot, else forward",
        )
        parser.add_argument(
            "--view", default="", help="only where the servers answer differently by asker"
        )
        parser.add_argument(
            "--server",
            action="append",
            default=[],
            metavar="ADDRESS[#PORT]",
            help="transfer it from there; several are asked in this order, and no others",
        )
        parser.add_argument(
            "--key", help="the TSIG key of these servers, by its name in DNS_KEYS_FILE; '' for none"
        )
        parser.add_argument(
            "--file", default="", help="read it from this file in the folder of ZONE_FILES_DIR"
        )
        parser.add_argument(
            "--loss-allowed",
            type=percent,
            metavar="PERCENT",
            help="hold a transfer where more addresses than this lose their last name",
        )
        parser.add_argument(
            "--stop", action="store_true", help="keep what is there, and follow it no more"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            said = stop(options) if options["stop"] else self.follow(options)
        except (FollowError, SourceError) as error:
            raise CommandError(f"follow_zone: {error}") from error
        self.stdout.write(said)

    def follow(self, options: dict[str, Any]) -> str:
        view = options["view"]
        if len(view) > MAX_VIEW:
            raise FollowError(f"--view is longer than {MAX_VIEW} characters")
        name, kind = named(options)
        zone = Zone.objects.filter(name=name, view=view).first()
        following = wanted(options, zone)
        zone, changed = do_follow_zone(
            name, view, kind, following, actor=this_user(), at=timezone.now()
        )
        self.warn_of_keys(zone)
        how = "is followed now" if changed else "is followed already"
        return f"{zone} ({zone.kind}) {how}, from {origin(zone)}"

    def warn_of_keys(self, zone: Zone) -> None:
        for error in zone_servers(zone, settings.DNS_KEYS_FILE)[1]:
            self.stderr.write(f"follow_zone: warning: {error.server}: {error.detail}")


def percent(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 100):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 100")
    return int(text)


def named(options: dict[str, Any]) -> tuple[str, ZoneKind | None]:
    """The name as it is stored, and the kind where it was said. Raises `SourceError`."""
    kind = ZoneKind(options["kind"]) if options["kind"] else None
    name = options["name"].strip()
    if (kind or kind_of_name(name.lower().removesuffix("."))) == ZoneKind.LIST:
        if not 0 < len(name) <= MAX_NAME:
            raise FollowError(f"the name of a list has 1 to {MAX_NAME} characters")
        return name, kind
    origin_name = checked_origin(name)
    if not origin_name:
        raise FollowError("the root zone registers nobody of ours")
    return origin_name, kind


def wanted(options: dict[str, Any], zone: Zone | None) -> Following:
    """What the options say. Raises `FollowError` where they say nothing, or too much."""
    if options["server"] and options["file"]:
        raise FollowError("--server and --file do not go together")
    if options["key"] and options["file"]:
        raise FollowError("--key is for --server")
    if not (options["server"] or options["file"] or (zone and zone.is_followed)):
        raise FollowError("say where it comes from: --server or --file")
    if options["file"]:
        check_file_name(options["file"])
    key = options["key"]
    return Following(
        servers=list(dict.fromkeys(map(check_server, options["server"]))),
        key_name=None if key is None else key.lower().removesuffix("."),
        file=options["file"],
        loss_allowed=options["loss_allowed"],
    )


def stop(options: dict[str, Any]) -> str:
    zone = Zone.objects.filter(name=named(options)[0], view=options["view"]).first()
    if zone is None:
        raise FollowError(f"there is no zone {options['name']}")
    stopped = do_stop_following(zone, actor=this_user(), at=timezone.now())
    how = "is followed no more" if stopped else "is not followed"
    return f"{zone} ({zone.kind}) {how}; its {zone.hosts_count:,} hosts stay"


def origin(zone: Zone) -> str:
    if zone.source == ZoneSource.FILE:
        return f"file {zone.file}"
    servers = (
        f"{server} with key {server.key_name}" if server.key_name else f"{server} without key"
        for server in zone.servers.all()
    )
    return ", ".join(servers)
