"""The room stands alone: it runs on a relay without Django and without the rest of us."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import relay_agent
from tests.real.parts import DEBIAN_PYTHON, require_debians

ROOM = Path(relay_agent.__file__).parent
ONCE = """
import sys, time
from ipaddress import ip_address
from pathlib import Path
from relay_agent.install import install
from relay_agent.keeper import Keeper
from relay_agent.lmdb_table import read_lmdb
folder, now = Path(sys.argv[1]), int(time.time())
first = int(ip_address("10.0.0.0"))
entries = {ip_address(first + n): now + (-1 if n % 2 else 99) for n in range(999)}
install(folder, ["lmdb"], entries)
Keeper(folder, ["lmdb"]).look()
print(len(read_lmdb(folder / "smtp_whitelist.lmdb")))
"""

OTHERS = {"cryptography", "lmdb", "relay_agent"}  # python3-cryptography, python3-lmdb


def imported(path: Path) -> set[str]:
    """The packages that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", sorted(ROOM.rglob("*.py")), ids=lambda path: path.name)
def test_it_imports_the_standard_library_what_debian_ships_and_itself_only(path: Path) -> None:
    assert imported(path) <= sys.stdlib_module_names | OTHERS


def test_it_runs_on_debians_own_python_and_lmdb(tmp_path: Path) -> None:
    require_debians("lmdb")
    done = subprocess.run(
        [DEBIAN_PYTHON, "-c", ONCE, str(tmp_path)],
        capture_output=True,
        check=False,
        text=True,
        env={"PYTHONPATH": str(ROOM.parent), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.returncode, done.stdout) == (0, "500\n"), done.stderr
