"""What the import commands share: opening files, progress, and the words of the summary."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from whitelist.audit import Actor
from whitelist.models.audit import ActorKind
from whitelist.registry.applying.apply import Changes
from whitelist.registry.classify import LeftOut
from whitelist.registry.sources import HostRow, SourceError

SLOW_SECONDS = 3.0
LOOK_EVERY = 5_000


@contextmanager
def opened(path: str, *, seekable: bool = False) -> Iterator[BinaryIO]:
    """The file, or standard input for `-`; a copy of it where it must be seekable and is not.

    Raises `SourceError` where it cannot be read.
    """
    with ExitStack() as stack:
        file = sys.stdin.buffer if path == "-" else open_file(path, stack)
        if seekable and not file.seekable():
            copy = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(file, copy)
            file = copy
        yield file


def open_file(path: str, stack: ExitStack) -> BinaryIO:
    try:
        return stack.enter_context(Path(path).open("rb"))
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error


def with_progress(rows: Iterable[HostRow], say: Callable[[str], object]) -> Iterator[HostRow]:
    """The same rows; says how far the reading is where it takes more than a few seconds."""
    said = time.monotonic()
    for count, row in enumerate(rows, start=1):
        if count % LOOK_EVERY == 0 and time.monotonic() - said > SLOW_SECONDS:
            said = time.monotonic()
            say(f"{count:,} hosts read …")
        yield row


def this_user() -> Actor:
    """Whoever runs the command, as the audit names them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return Actor(ActorKind.SYSTEM, name[:150])


def summary(subject: str, changes: Changes, *, dry_run: bool) -> str:
    """One line: what was done, or would be."""
    numbers = (
        f"{changes.added:,} added, {changes.updated:,} updated, {changes.removed:,} removed,"
        f" {changes.unchanged:,} unchanged"
    )
    return f"{subject}: {numbers}" + (" (dry run, nothing was changed)" if dry_run else "")


def left_out_words(left_out: Counter[LeftOut]) -> str:
    """What of a zone registers no host, most frequent first; empty where nothing was left out."""
    if not left_out.total():
        return ""
    reasons = ", ".join(f"{count:,} {reason.phrase}" for reason, count in left_out.most_common())
    return f"; left out {left_out.total():,}: {reasons}"
