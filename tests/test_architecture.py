"""Imports point one way, and the rooms that decide are free of database and settings."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("portal_auth", "relay_agent", "whitelist", "whitelist_site")
IDENTITY = "portal_auth.identity"

# room → what it may import of ours, besides itself
ROOMS: dict[str, set[str]] = {
    "portal_auth": set(),
    "relay_agent": set(),
    "whitelist.addresses": set(),
    "whitelist.client_ip": {"whitelist.addresses"},
    "whitelist.models": {"whitelist.addresses"},
    "whitelist.audit": {"whitelist.models", "whitelist.addresses", IDENTITY},
    "whitelist.sending": set(),
    "whitelist.notices": {"whitelist.models", "whitelist.sending"},
    "whitelist.registry": {
        "whitelist.models", "whitelist.addresses", "whitelist.audit", "whitelist.sending",
    },
    "whitelist.registry.name_servers": {"whitelist.addresses"},
    "whitelist.rules": {
        "whitelist.models", "whitelist.registry", "whitelist.addresses", IDENTITY,
    },
    "whitelist.outbox": {"whitelist.models", "whitelist.sending"},
    "whitelist.entries": {
        "whitelist.rules", "whitelist.models", "whitelist.outbox", "whitelist.addresses",
        "whitelist.audit", "whitelist.notices", "whitelist.registry", IDENTITY,
    },
    "whitelist.relay_map": {
        "whitelist.models", "whitelist.entries", "whitelist.addresses", "relay_agent",
        "portal_auth.development_key",
    },
    "whitelist.relays": {"whitelist.models", "whitelist.audit", "whitelist.relay_map"},
    "whitelist.dashboard": {
        "whitelist.models", "whitelist.registry", "whitelist.rules", "whitelist.addresses",
        "whitelist.admin_display",
    },
}  # fmt: skip

# Key, clock and rules are arguments of these: they can be tested, and trusted, by themselves.
PURE = [
    "portal_auth.tickets",
    "portal_auth.eligibility",
    "whitelist.addresses",
    "whitelist.dashboard.networks",
    "whitelist.dashboard.periods",
    "whitelist.dashboard.plots",
    "whitelist.relay_map.render",
    "whitelist.registry.classify",
    "whitelist.registry.following.notify",
    "whitelist.registry.omissions",
    "whitelist.registry.series",
    "whitelist.registry.name_servers.transfer",
    "whitelist.registry.name_servers.query",
]
IMPURE = ("django.db", "django.conf", "django.apps", "django.contrib", "django.core.cache")

# Each contract of pyproject.toml, and an import that breaks it
VIOLATIONS = [
    ("portal_auth/errors.py", "from whitelist import rules"),
    ("relay_agent/text.py", "import django.utils.timezone"),
    ("relay_agent/text.py", "from whitelist import addresses"),
    ("whitelist/models/host.py", "from whitelist import entries"),
    ("whitelist/registry/lookup.py", "from whitelist import rules"),
    ("whitelist/entries.py", "from whitelist.pages import main"),
]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*OURS, cache_dir=None)


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def strangers(graph: grimp.ImportGraph, room: str, allowed: set[str]) -> list[str]:
    """The direct imports that ROOM has and may not have, as `importer -> imported`."""
    return sorted(
        f"{importer} -> {imported}"
        for importer in graph.modules
        if within(importer, room)
        for imported in graph.find_modules_directly_imported_by(importer)
        if not any(within(imported, place) for place in {room, *allowed})
    )


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_the_house_allows_it(graph: grimp.ImportGraph, room: str) -> None:
    assert any(within(module, room) for module in graph.modules), f"there is no room {room}"
    assert strangers(graph, room, ROOMS[room]) == []


@pytest.mark.parametrize("room", ROOMS)
def test_one_import_too_many_is_found(room: str) -> None:
    broken = grimp.build_graph(*OURS, cache_dir=None)
    importer = min(module for module in broken.modules if within(module, room))
    broken.add_import(importer=importer, imported="whitelist.tasks")
    assert strangers(broken, room, ROOMS[room]) == [f"{importer} -> whitelist.tasks"]


def source_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported_names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def impure_imports(source: str) -> list[str]:
    return [name for name in imported_names(source) if any(within(name, part) for part in IMPURE)]


def packages_of(module: str) -> set[str]:
    """A package runs before each module in it."""
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def reached(graph: grimp.ImportGraph, module: str) -> set[str]:
    found = {module, *graph.find_upstream_modules(module)}
    return found | {package for name in found for package in packages_of(name)}


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_reaches_neither_database_nor_settings(
    graph: grimp.ImportGraph, module: str
) -> None:
    impure = {
        name: imports
        for name in reached(graph, module)
        if (imports := impure_imports(source_of(name).read_text(encoding="utf-8")))
    }
    assert impure == {}


@pytest.mark.parametrize(
    "line",
    [
        "from django.conf import settings",
        "from django.db import models",
        "from django.db.models import Q",
        "import django.db",
        "def f():\n    from django.conf import settings",
    ],
)
def test_an_impure_import_is_found_wherever_it_stands(line: str) -> None:
    assert impure_imports(line)
    assert not impure_imports("from django.utils.translation import gettext_lazy")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_contracts_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("file", "line"), VIOLATIONS)
def test_a_contract_is_seen_to_break(tmp_path: Path, file: str, line: str) -> None:
    for name in OURS:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as out:
        out.write(f"\n{line}\n")

    result = lint_imports(tmp_path)

    assert result.returncode == 1, result.stdout
    assert "1 broken" in result.stdout
