"""One portal that we believe. Pure, so that checking a ticket needs no settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PublicKey = Ed25519PublicKey | RSAPublicKey
Algorithm = Literal["EdDSA", "RS256"]


@dataclass(frozen=True)
class Issuer:
    """One portal. `keys` maps `kid` to public key; `name` a language code to its name."""

    iss: str
    aud: str
    name: Mapping[str, str]
    login_url: str
    alg: Algorithm
    keys: Mapping[str, PublicKey]

    def display_name(self, language: str) -> str:
        return self.name.get(language) or self.name["en"]
