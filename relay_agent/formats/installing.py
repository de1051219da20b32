"""Brings the files of the chosen formats to what is exempt, and their programs along."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from relay_agent.errors import TableError
from relay_agent.files import folder_lock, replace_file
from relay_agent.formats.known import find_format
from relay_agent.text import Records

LOCK_SECONDS = 10.0
FAILURES = (OSError, TableError)


class FormatsError(Exception):
    """Some formats could not be brought up to date; `changed` says what became of the others.

    `failures` maps each file, or the folder, to what went wrong with it.
    """

    def __init__(self, failures: dict[str, Exception], changed: dict[str, bool]) -> None:
        super().__init__(failures, changed)
        self.failures = failures
        self.changed = changed

    def __str__(self) -> str:
        return "; ".join(f"{name}: {error}" for name, error in self.failures.items())


def install_formats(
    folder: Path, names: Sequence[str], records: Records, now: float
) -> dict[str, bool]:
    """Make each format's file in `folder` say `records`; whether it changed, by name.

    A file is replaced at once, never written in place, and left alone if it is right. One that
    fails does not keep the others from being brought up to date. Raises FormatsError after the
    last, and ValueError, before the first, for an unknown name or a record that is not ours.
    """
    formats = [find_format(name) for name in names]
    rendered = [(known, known.render(records, now)) for known in formats]
    changed: dict[str, bool] = {}
    failures: dict[str, Exception] = {}
    try:
        # The tables' writer removes temporary files: it must not remove one of ours.
        with folder_lock(folder, LOCK_SECONDS):
            for known, content in rendered:
                try:
                    changed[known.name] = bool(replace_file(folder / known.file_name, content))
                except FAILURES as error:
                    failures[known.file_name] = error
    except FAILURES as error:
        failures[str(folder)] = error
    for known in formats:
        try:
            known.apply(records, now)
        except FAILURES as error:
            failures[known.file_name] = error
    if failures:
        raise FormatsError(failures, changed)
    return changed
