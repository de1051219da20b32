"""What can go wrong with a table. Each message names the file."""

from __future__ import annotations

from pathlib import Path


class TableError(Exception):
    """A table could not be read or brought up to date."""


class BrokenTable(TableError):
    """The file is not a sound table: cut, overwritten, or written by somebody else."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return f"{self.path} is broken: {self.why}"


class LockTimeoutError(TableError):
    """Somebody else held a lock for longer than we wait."""


class MissingFolderError(TableError):
    """The folder for the tables does not exist."""
