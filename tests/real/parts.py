"""The real programs that tests need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

SYSTEM_PATH = "/usr/sbin:/usr/local/sbin:/usr/lib/postfix/sbin:/usr/bin:/bin"

UNPACKED = Path(__file__).parents[2] / "var" / "test-parts"  # by bin/install-test-parts


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


def require_unpacked(program: str) -> Path:
    """A program of a mail server that Debian does not install beside Postfix; see `libraries`."""
    path = UNPACKED / program
    if path.exists():
        return path
    reason = f"{program} is not unpacked (run bin/install-test-parts)"
    if os.environ.get("CI"):
        raise MissingPartError(reason)
    pytest.skip(reason)


def libraries() -> dict[str, str]:
    """The environment in which an unpacked program finds the libraries unpacked with it."""
    folders = sorted({str(file.parent) for file in UNPACKED.glob("**/lib*.so*")})
    return {"PATH": SYSTEM_PATH, "LD_LIBRARY_PATH": os.pathsep.join(folders)}
