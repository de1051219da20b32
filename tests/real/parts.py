"""The real programs that tests need."""

from __future__ import annotations

import os
import shutil

import pytest

SYSTEM_PATH = "/usr/sbin:/usr/local/sbin:/usr/lib/postfix/sbin:/usr/bin:/bin"


class MissingPartError(Exception):
    """A real program that a test needs is not there."""


def find(program: str) -> str | None:
    """The path of a program; system administrators' folders are searched too."""
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), SYSTEM_PATH]))


def require(program: str, package: str = "") -> str:
    """The path of a program. Without it: a failure where CI is set, else the test is skipped."""
    path = find(program)
    if path is not None:
        return path
    reason = f"{program} is not installed (Debian: apt install {package or program})"
    if os.environ.get("CI"):
        raise MissingPartError(reason)
    pytest.skip(reason)


def require_root(what: str) -> None:
    """The same for a server that only root can start."""
    if os.geteuid() == 0:
        return
    reason = f"{what} starts only as root"
    if os.environ.get("CI"):
        raise MissingPartError(reason)
    pytest.skip(reason)
