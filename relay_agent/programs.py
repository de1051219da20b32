"""Finding the system's programs."""

from __future__ import annotations

import os
import shutil

SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin:/bin"  # not in everybody's PATH


def search_path() -> str:
    """PATH, and where administrators' programs are."""
    return os.pathsep.join([os.environ.get("PATH", ""), SYSTEM_FOLDERS])


def find_program(name: str) -> str | None:
    """The path of a program, if there is one."""
    return shutil.which(name, path=search_path())
