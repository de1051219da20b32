"""The development key: made once, by whoever is first, for its owner's eyes only."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from portal_auth.development_key import FILE_NAME, development_key, make_key
from tests.portal_auth.portal import new_rsa_key

RAW = (Encoding.Raw, PublicFormat.Raw)
PRINT_KEY = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from portal_auth.development_key import development_key
key = development_key(Path(sys.argv[1]))
print(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex())
"""


@pytest.fixture(autouse=True)
def _forget_keys() -> None:
    development_key.cache_clear()


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    first = development_key(folder).public_key().public_bytes(*RAW)
    development_key.cache_clear()
    assert development_key(folder).public_key().public_bytes(*RAW) == first
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", PRINT_KEY, str(tmp_path)]
    processes = [
        subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    outputs = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * 6
    assert len(set(outputs)) == 1
    assert len(outputs[0]) == 64


def test_a_second_maker_leaves_the_first_key_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    make_key(path)
    before = path.read_bytes()
    make_key(path)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == [FILE_NAME]


def test_another_kind_of_key_in_its_place_is_an_error(tmp_path: Path) -> None:
    pem = new_rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / FILE_NAME).write_bytes(pem)
    with pytest.raises(ValueError, match="is no Ed25519 key"):
        development_key(tmp_path)
