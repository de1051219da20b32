"""`make run` that cannot run: one line that says why."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.real.processes import free_port
from tests.whitelist_site.run_process import ROOT, clean_environment

REACHABLE = (
    "lets others reach the portal simulator, which signs anybody in; "
    "set PORTAL_ISSUERS_FILE, or PORTAL_SIMULATOR=off"
)


def refused(**settings: str) -> str:
    """What `bin/run` says when it does not start."""
    result = subprocess.run(
        [ROOT / "bin" / "run"],
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode != 0
    return (result.stdout + result.stderr).strip()


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refused(VAR_DIR=str(tmp_path / "var"), PORT=str(port))
    assert said.splitlines() == [
        f"make run: cannot listen on 127.0.0.1:{port}: Address already in use; choose another PORT"
    ]
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("name", ["VAR_DIR", "ACCESS_MAP_DIR"])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    folders = {"VAR_DIR": str(tmp_path / "var"), name: str(tmp_path / "file" / "folder")}
    said = refused(**folders, PORT=str(free_port()))
    assert len(said.splitlines()) == 1
    assert f"the folder {tmp_path}/file/folder cannot be written" in said


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"PORT": "http"}, "make run: PORT=http is not a whole number from 1 to 65535"),
        (
            {"WEB_CONCURRENCY": "x"},
            "make run: WEB_CONCURRENCY=x is not a whole number from 1 to 256",
        ),
        ({"BIND": "192.0.2.1"}, f"make run: BIND=192.0.2.1 {REACHABLE}"),
        ({"TIME_ZONE": "Asia/Nowhere"}, "setting TIME_ZONE: 'Asia/Nowhere' is not a time zone"),
    ],
)
def test_a_malformed_setting_is_one_line(
    tmp_path: Path, settings: dict[str, str], line: str
) -> None:
    said = refused(**{"VAR_DIR": str(tmp_path), "PORT": str(free_port()), **settings})
    assert said.splitlines() == [line]


def test_a_malformed_issuers_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "issuers.json"
    file.write_text('{"issuers": [{}]}')
    said = refused(
        VAR_DIR=str(tmp_path / "var"), PORT=str(free_port()), PORTAL_ISSUERS_FILE=str(file)
    )
    assert said.splitlines() == [
        f"PORTAL_ISSUERS_FILE: {file}: issuers[0] lacks iss (portal_auth.E002)"
    ]
