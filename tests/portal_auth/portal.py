"""A portal for tests: it signs good tickets, and anything else that a test wants signed."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from portal_auth.issuer import Issuer
from portal_auth.minting import PrivateKey

NOW = datetime(2026, 11, 24, 8, 22, 8, tzinfo=UTC)
ISS = "https://portal.example"
AUD = "https://services.example"
JTI = "q1W2e3R4t5Y6u7I8o9P0aA"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def json_bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def raw_sign(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def public_pem(key: PrivateKey | Ed448PrivateKey | EllipticCurvePrivateKey) -> str:
    encoded = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


def new_rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass
class TestPortal:
    """One issuer with its private keys, the first of which signs."""

    __test__ = False

    iss: str = ISS
    aud: str = AUD
    alg: str = "EdDSA"
    keys: dict[str, PrivateKey] = field(
        default_factory=lambda: {"2026-1": Ed25519PrivateKey.generate()}
    )

    @property
    def kid(self) -> str:
        return next(iter(self.keys))

    def issuer(self) -> Issuer:
        return Issuer(
            iss=self.iss,
            aud=self.aud,
            name={"zh-hant": "校務資訊系統", "en": "Campus portal"},
            login_url=f"{self.iss}/login",
            alg=self.alg,  # type: ignore[arg-type]  # any text, as a test wants it
            keys={kid: key.public_key() for kid, key in self.keys.items()},
        )

    def issuers(self) -> dict[str, Issuer]:
        return {self.iss: self.issuer()}

    def document(self) -> dict[str, Any]:
        """This portal as it stands in an issuers file."""
        keys = [{"kid": kid, "public_key": public_pem(key)} for kid, key in self.keys.items()]
        return {
            "iss": self.iss,
            "aud": self.aud,
            "name": {"zh-hant": "校務資訊系統", "en": "Campus portal"},
            "login_url": f"{self.iss}/login",
            "alg": self.alg,
            "keys": keys,
        }

    def header(self, **changes: Any) -> dict[str, Any]:
        return changed({"alg": self.alg, "typ": "portal-handoff+jwt", "kid": self.kid}, changes)

    def claims(self, at: datetime = NOW, **changes: Any) -> dict[str, Any]:
        second = int(at.timestamp())
        good = {
            "iss": self.iss,
            "aud": self.aud,
            "sub": "a0012345",
            "jti": JTI,
            "iat": second,
            "exp": second + 120,
            "auth_time": second - 60,
            "role": "staff",
            "status": "一般",
            "name": "王小明",
            "unit": "電機工程學系",
            "email": "wang@example.edu.tw",
        }
        return changed(good, changes)

    def token(
        self,
        at: datetime = NOW,
        *,
        header: dict[str, Any] | None = None,
        key: PrivateKey | None = None,
        **changes: Any,
    ) -> str:
        """A signed ticket; `changes` replace claims, `...` takes one away."""
        claims = self.claims(at, **changes)
        return self.signed(json_bytes(header or self.header()), json_bytes(claims), key=key)

    def signed(self, header: bytes, claims: bytes, *, key: PrivateKey | None = None) -> str:
        """Whatever bytes as header and claims, under a right signature."""
        signing_input = f"{b64(header)}.{b64(claims)}"
        signature = raw_sign(key or self.keys[self.kid], signing_input.encode())
        return f"{signing_input}.{b64(signature)}"


def changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = values | changes
    return {name: value for name, value in merged.items() if value is not ...}


def write_issuers(path: Path, *portals: TestPortal) -> None:
    document = {"issuers": [portal.document() for portal in portals]}
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
