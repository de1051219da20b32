"""The keys that vouch for snapshots: the first one signs, relays may pin all of them."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

from portal_auth.development_key import make_key

FILE_NAME = "relay-signing-key.pem"
PEM_BLOCK = re.compile(
    rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----\s.*?-----END \1-----", re.DOTALL | re.ASCII
)


class SigningKeyError(Exception):
    """The file holds no key that could sign; the message says which file, and why."""


@dataclass(frozen=True)
class SigningKey:
    """`key_id`: the first sixteen hexadecimal digits of the SHA-256 of the raw public key."""

    key_id: str
    public: bytes
    private: Ed25519PrivateKey = field(repr=False, compare=False)

    @property
    def pin(self) -> str:
        """The line that the section [keys] of an agent takes: key id, raw public key in base64."""
        return f"{self.key_id} = {base64.b64encode(self.public).decode('ascii')}"

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data)


def signing_keys() -> tuple[SigningKey, ...]:
    """The keys of RELAY_SIGNING_KEY_FILE; without one, a key made under VAR_DIR at first use.

    Read again when the file changes, so that a rotation needs no restart. Raises
    `SigningKeyError`.
    """
    path: Path | None = settings.RELAY_SIGNING_KEY_FILE
    try:
        if path is None:
            path = settings.VAR_DIR / FILE_NAME
            if not path.exists():
                make_key(path)
        state = path.stat()
        return _read(path, (state.st_ino, state.st_mtime_ns, state.st_size))
    except OSError as error:
        raise SigningKeyError(f"cannot read {path}: {error.strerror}") from error


@lru_cache(maxsize=4)
def _read(path: Path, _version: tuple[int, int, int]) -> tuple[SigningKey, ...]:
    return parse_keys(path.read_bytes(), str(path))


def parse_keys(content: bytes, name: str) -> tuple[SigningKey, ...]:
    """The keys of the PEM blocks in `content`, in their order. Raises `SigningKeyError`."""
    blocks = [match[0] for match in PEM_BLOCK.finditer(content)]
    keys = tuple(_parse(block, name) for block in blocks)
    if not keys:
        raise SigningKeyError(f"{name} holds no private key in PEM")
    if len({key.key_id for key in keys}) < len(keys):
        raise SigningKeyError(f"{name} holds a key twice")
    return keys


def _parse(block: bytes, name: str) -> SigningKey:
    try:
        private = load_pem_private_key(block, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(f"{name} holds a key that cannot be read") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SigningKeyError(f"{name} holds a key that is not Ed25519")
    public = private.public_key().public_bytes_raw()
    return SigningKey(hashlib.sha256(public).hexdigest()[:16], public, private)
