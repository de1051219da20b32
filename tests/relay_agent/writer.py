"""A process that installs one set of entries, then the other, until it is killed.

`python -m tests.relay_agent.writer FOLDER TYPES FIRST COUNT`: the sets are FIRST and FIRST + 1,
each COUNT entries. Prints a line once the first installation is done.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from relay_agent.install import install
from tests.relay_agent.tools import many


def main() -> None:
    folder, types, first, count = sys.argv[1:]
    sets = [many(int(count), first=int(first) + step) for step in (0, 1)]
    for number, wanted in enumerate(itertools.cycle(sets)):
        install(Path(folder), types.split(","), wanted)
        if number == 0:
            sys.stdout.write("ready\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
