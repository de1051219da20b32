"""What the whitelist's commands share."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError

# Not reachable, or without its tables; anything else is a mistake of ours, and keeps its traceback.
UNUSABLE = (InterfaceError, OperationalError, ProgrammingError)


class DatabaseCommand(BaseCommand):
    """A command that ends in one line where the database cannot be used."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except UNUSABLE as error:
            name = type(self).__module__.rpartition(".")[2]
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CommandError(
                f"{name}: the database cannot be used (not reachable, or not migrated): {said}"
            ) from error
