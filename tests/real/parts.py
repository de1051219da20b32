"""The real programs that tests need."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

SYSTEM_PATH = "/usr/sbin:/usr/local/sbin:/usr/lib/postfix/sbin:/usr/bin:/bin"

DEBIAN_PYTHON = "/usr/bin/python3"
UNPACKED = Path(__file__).parents[2] / "var" / "test-parts"  # by bin/install-test-parts


class MissingPartError(Exception):
    """A real program that a test needs is not there."""


def find(program: str) -> str | None:
    """The path of a program; system administrators' folders are searched too."""
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), SYSTEM_PATH]))


def miss(reason: str) -> NoReturn:
    """Something real is not there: a failure where CI is set, else the test is skipped."""
    if os.environ.get("CI"):
        raise MissingPartError(reason)
    pytest.skip(reason)


def require(program: str, package: str = "") -> str:
    """The path of a program, or `miss`."""
    path = find(program)
    if path is None:
        miss(f"{program} is not installed (Debian: apt install {package or program})")
    return path


def require_root(what: str) -> None:
    """For what only root can start."""
    if os.geteuid() != 0:
        miss(f"{what} starts only as root")


def require_unpacked(program: str) -> Path:
    """A program of a mail server that Debian does not install beside Postfix."""
    path = UNPACKED / program
    if not path.exists():
        miss(f"{program} is not unpacked (run bin/install-test-parts)")
    return path


def require_debians(*modules: str) -> None:
    """Packages of the system's own Python, as the agent finds them on a relay."""
    for name in modules:
        probe = [DEBIAN_PYTHON, "-I", "-c", f"import {name}"]
        if not Path(DEBIAN_PYTHON).exists() or subprocess.run(probe, check=False).returncode:
            miss(f"python3-{name} is not installed (Debian: apt install python3-{name})")


def require_namespace(kind: str) -> str:
    """The path of `unshare`, where this kernel lets root have a namespace of the `kind`, as -n.

    No package brings that: where the kernel refuses, the test is skipped in CI too.
    """
    require_root("a namespace")
    program = require("unshare", "util-linux")
    if subprocess.run([program, kind, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"this kernel refuses unshare {kind}")
    return program


def require_library(name: str, package: str) -> str:
    """The path of a shared library of the system's, whatever this machine's architecture."""
    found = sorted(Path("/usr/lib").glob(f"*/{name}"))
    if not found:
        miss(f"{name} is not installed (Debian: apt install {package})")
    return str(found[0])
