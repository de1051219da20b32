"""Write the relay's access map now."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from relay_agent.install import InstallError
from whitelist.management.base import DatabaseCommand
from whitelist.relay_map.publish import publish_access_map


class Command(DatabaseCommand):
    help = (
        "Brings the relay's access map (the text file and every lookup table of "
        "ACCESS_MAP_TYPES in ACCESS_MAP_DIR) up to date with the entries that are active now. "
        "The same is done by the worker after each change; running it again does no harm."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            publication = publish_access_map()
        except (InstallError, OSError) as error:
            raise CommandError(f"the map could not be brought up to date: {error}") from error
        self.stdout.write(
            f"Published serial {publication.serial} with {publication.entries} entries "
            f"in {settings.ACCESS_MAP_DIR}."
        )
