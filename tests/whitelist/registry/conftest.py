"""Running the import commands whole."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command

Import = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Import:
    """`run(command, content, *options)`: the command on a file of that content; its output."""

    def run_command(command: str, content: bytes | str, *options: str) -> str:
        file = tmp_path / "import"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        stdout = io.StringIO()
        call_command(command, str(file), *options, stdout=stdout)
        return stdout.getvalue()

    return run_command
