"""The relay agent: `python3 -m relay_agent.agent --config FILE [--check]`.

This file imports nothing that might not be installed, so that it can say what is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence

PACKAGES = {"lmdb": "python3-lmdb", "cryptography": "python3-cryptography"}


def missing_packages() -> list[str]:
    """A line for each package that Python does not find."""
    return [
        f"Python's {name} is missing: apt install {package}"
        for name, package in PACKAGES.items()
        if importlib.util.find_spec(name) is None
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 for what is wrong, 2 for a wrong command line."""
    missing = missing_packages()
    if missing:
        sys.stderr.write("".join(f"agent: {line}\n" for line in missing))
        return 1
    return int(importlib.import_module("relay_agent.running").main(arguments))


if __name__ == "__main__":
    sys.exit(main())
