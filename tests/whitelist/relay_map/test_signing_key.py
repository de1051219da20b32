"""The keys of the snapshots: made once, kept private, rotated without a restart."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pytest_django.fixtures import Settings

from whitelist.relay_map.signing_key import FILE_NAME, SigningKeyError, parse_keys, signing_keys

PLAIN = NoEncryption()


def pem(key=None, encryption=PLAIN):
    key = key or Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def test_a_key_is_made_at_first_use_and_stays(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR, settings.RELAY_SIGNING_KEY_FILE = tmp_path, None
    (key,) = signing_keys()
    assert signing_keys() == (key,)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_pin_tells_the_key_id_and_the_public_key() -> None:
    (key,) = parse_keys(pem(), "keys.pem")
    key_id, public = key.pin.split(" = ")
    raw = base64.b64decode(public, validate=True)
    assert key_id == hashlib.sha256(raw).hexdigest()[:16]
    Ed25519PublicKey.from_public_bytes(raw).verify(key.sign(b"text"), b"text")
    assert "private" not in repr(key)


def test_of_several_keys_the_first_signs_and_a_rotation_needs_no_restart(
    settings: Settings, tmp_path: Path
) -> None:
    old, new = pem(), pem()
    settings.RELAY_SIGNING_KEY_FILE = file = tmp_path / "keys.pem"
    file.write_bytes(old)
    (first,) = signing_keys()
    beside = tmp_path / "new.pem"
    beside.write_bytes(b"the new one\n" + new + b"\nthe old one\n" + old)
    beside.replace(file)
    assert signing_keys()[0] != first
    assert signing_keys()[1] == first


KEY = pem()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"", "no private key", id="empty"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----", "no pr", id="pub"),
        pytest.param(KEY[:-30], "no private key", id="cut"),
        pytest.param(KEY.replace(KEY[40:60], b"!" * 20), "cannot be read", id="garbage"),
        pytest.param(pem(encryption=BestAvailableEncryption(b"x")), "cannot be read", id="locked"),
        pytest.param(pem(generate_private_key(65537, 2048)), "not Ed25519", id="rsa"),
        pytest.param(KEY + KEY, "twice", id="twice"),
    ],
)
def test_a_file_without_a_good_key_is_refused_by_its_name(content: bytes, why: str) -> None:
    with pytest.raises(SigningKeyError, match=rf"keys\.pem.*{why}"):
        parse_keys(content, "keys.pem")
    if content:
        with pytest.raises(SigningKeyError):
            parse_keys(content + KEY + KEY, "keys.pem")


def test_a_file_that_is_gone_is_named(settings: Settings, tmp_path: Path) -> None:
    settings.RELAY_SIGNING_KEY_FILE = tmp_path / "gone.pem"
    with pytest.raises(SigningKeyError, match=r"gone\.pem: No such file"):
        signing_keys()
