"""What the repository promises of itself: migrations, commands, translations, locks, documents."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.core.management import call_command, get_commands, load_command_class

from tests.real.parts import require

ROOT = Path(__file__).resolve().parents[1]
OURS = ("portal_auth", "relay_agent", "whitelist", "whitelist_site")
SOURCE_FOLDERS = (*OURS, "templates", "static")
CATALOGUE = ROOT / "locale" / "zh_Hant" / "LC_MESSAGES" / "django.po"
LOCKS = ("requirements", "requirements-dev")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def sources(pattern: str, *folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob(pattern))


# Migrations


@pytest.mark.django_db
def test_no_model_waits_for_a_migration() -> None:
    out = io.StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=out)
    except SystemExit:
        pytest.fail(out.getvalue())


# Management commands

COMMANDS = sorted(name for name, app in get_commands().items() if str(app).startswith(OURS))


def test_the_commands_of_the_contract_are_there() -> None:
    promised = {
        "import_networks", "import_registry", "publish_access_map", "end_due_entries",
        "portal_ticket",
    }  # fmt: skip
    assert promised - set(COMMANDS) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_appears_in_some_test(name: str) -> None:
    word = re.compile(rf"\b{name}\b")
    here = Path(__file__)
    tests = [path for path in sources("*.py", "tests") if path != here]
    assert any(word.search(path.read_text(encoding="utf-8")) for path in tests)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_explains_it(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    assert len(str(command.help).split()) >= 5, "its help is not a sentence"
    shown = parser.format_help()
    for action in parser._actions:
        assert action.help, f"{action.dest} has no help"
    assert name in shown


# Translations


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    assert CATALOGUE.is_file(), f"there is no {CATALOGUE.relative_to(ROOT)}"
    return polib.pofile(str(CATALOGUE))


def shown(entries: list[polib.POEntry]) -> list[str]:
    return [f"{entry.msgid!r} ({entry.occurrences[:1]})" for entry in entries]


def test_every_text_is_translated(catalogue: polib.POFile) -> None:
    assert shown(catalogue.untranslated_entries()) == []


def test_no_translation_is_a_guess(catalogue: polib.POFile) -> None:
    assert shown([entry for entry in catalogue if entry.fuzzy]) == []


def test_a_translation_keeps_the_placeholders(catalogue: polib.POFile) -> None:
    placeholder = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}")
    for entry in catalogue:
        wanted = set(placeholder.findall(entry.msgid_plural or entry.msgid))
        for text in entry.msgstr_plural.values() or [entry.msgstr]:
            assert set(placeholder.findall(text)) == wanted, entry.msgid


def key(entry: polib.POEntry) -> tuple[str | None, str]:
    return entry.msgctxt, entry.msgid


def test_the_compiled_catalogue_is_that_of_the_source(catalogue: polib.POFile) -> None:
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))

    def texts(entry: polib.POEntry) -> object:
        return entry.msgstr_plural or entry.msgstr

    wanted = {key(entry): texts(entry) for entry in catalogue if not entry.obsolete}
    assert {key(entry): texts(entry) for entry in compiled} == wanted


def test_the_catalogue_knows_every_text_of_the_code(
    catalogue: polib.POFile, tmp_path: Path
) -> None:
    require("xgettext", "gettext")
    for name in SOURCE_FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__", "locale")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    (tmp_path / "locale").mkdir()
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "zh_Hant", "-v0"]
    subprocess.run(command, cwd=tmp_path, check=True, env={"PATH": "/usr/bin:/bin"})
    found = polib.pofile(str(tmp_path / CATALOGUE.relative_to(ROOT)))
    assert len(found) > 50, "makemessages found next to nothing"

    known = {key(entry) for entry in catalogue if not entry.obsolete}
    assert shown([entry for entry in found if key(entry) not in known]) == []
    used = {key(entry) for entry in found}
    assert [entry.msgid for entry in catalogue if key(entry) not in used] == []


# Locks


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_a_version_and_hashes(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==\S+", line), line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_holds_what_is_asked_for(name: str) -> None:
    wanted = {
        re.split(r"[\[<>=~ ]", line)[0].lower()
        for line in (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "-"))
    }
    assert wanted - locked_versions(name).keys() == set()


def locked_versions(name: str) -> dict[str, str]:
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==(\S+)", text, re.MULTILINE))


def test_both_locks_agree_on_every_version() -> None:
    first, second = map(locked_versions, LOCKS)
    common = first.keys() & second.keys()
    assert {name: first[name] for name in common} == {name: second[name] for name in common}


# Settings and their documents


def settings_read() -> set[str]:
    """The names that settings.py and databases.py ask the environment for."""
    pattern = re.compile(r"env\.\w+\(\s*\"([A-Z_]+)\"")
    files = [ROOT / "whitelist_site" / name for name in ("settings.py", "databases.py")]
    return {name for file in files for name in pattern.findall(file.read_text(encoding="utf-8"))}


def test_every_setting_is_in_the_table_of_the_readme() -> None:
    names = settings_read()
    assert len(names) > 10
    rows = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    documented = {
        name for row in rows if row.startswith("|") for name in re.findall(r"`([A-Z_]+)`", row)
    }
    assert names - documented == set()


def test_no_document_names_a_file_that_is_not_there() -> None:
    link = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
    missing = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in DOCUMENTS
        for target in link.findall(document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert missing == []


# Templates under a strict content security policy

INLINE = re.compile(
    r"<style\b|<script\b(?![^>]*\bsrc=)[^>]*>|\sstyle\s*=|\son[a-z]+\s*=|javascript:", re.IGNORECASE
)
# Data for a script is no script.
DATA = re.compile(r"<script\b[^>]*type=\"application/json\"[^>]*>", re.IGNORECASE)
# What stands in comments and in template tags is not sent.
UNSENT = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


def inline_code(text: str) -> list[str]:
    return INLINE.findall(DATA.sub("", UNSENT.sub("", text)))


TEMPLATES = list(sources("*.html", "templates", *OURS))


def test_there_are_templates_to_look_at() -> None:
    assert len(TEMPLATES) > 10


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_has_no_inline_code_or_style(path: Path) -> None:
    assert inline_code(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<p style="color: red">', True),
        ("<p onclick=x()>", True),
        ("<script>x()</script>", True),
        ('<script nonce="1">x()</script>', True),
        ("<style>p {}</style>", True),
        ('<a href="javascript:x()">', True),
        ('<script src="x.js" defer></script>', False),
        ('<script type="application/json" id="d">{}</script>', False),
        ('<p class="style">one = two</p>', False),
        ('{% block style = "x" %}', False),
    ],
)
def test_inline_code_is_told_from_the_rest(text: str, found: bool) -> None:
    assert bool(inline_code(text)) is found
