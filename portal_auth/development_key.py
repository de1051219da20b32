"""The key that signs tickets where no portal is: on a developer's machine, and in tests."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

FILE_NAME = "portal-development-key.pem"


@lru_cache(maxsize=8)
def development_key(var_dir: Path) -> Ed25519PrivateKey:
    """The Ed25519 key under `var_dir`, made at the first call.

    Raises OSError where the file cannot be read or made, ValueError where it holds no such key.
    """
    path = var_dir / FILE_NAME
    if not path.exists():
        make_key(path)
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} is no Ed25519 key")
    return key


def make_key(path: Path) -> None:
    """Write a new key, mode 0600, unless another process was first: then its key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    # mkstemp makes it 0600; the link either puts the whole file in place or fails.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        Path(name).unlink()
