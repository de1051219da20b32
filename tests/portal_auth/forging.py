"""How a ticket is forged: one change each, named."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.portal_auth.portal import (
    NOW,
    TestPortal,
    b64,
    json_bytes,
    new_rsa_key,
    public_pem,
    raw_sign,
    unb64,
)

Forge = Callable[[TestPortal], str]
SECOND = int(NOW.timestamp())
OTHER_KEY = Ed25519PrivateKey.generate()
RSA_KEY = new_rsa_key()


@dataclass(frozen=True)
class Hostile:
    """A name, how it is made, and the code that refuses it."""

    what: str
    forge: Forge
    code: int = -4


def claim(what: str, /, code: int = -4, **changes: Any) -> Hostile:
    return Hostile(f"claim: {what}", lambda portal: portal.token(**changes), code)


def header(what: str, /, **changes: Any) -> Hostile:
    return Hostile(f"header: {what}", lambda p: p.token(header=p.header(**changes)))


def edited(what: str, edit: Callable[[str], str]) -> Hostile:
    return Hostile(f"token: {what}", lambda portal: edit(portal.token()))


def raw_claims(what: str, edit: Callable[[str], str]) -> Hostile:
    """Claims as text that `json.dumps` would not write, under a right signature."""

    def forge(portal: TestPortal) -> str:
        text = edit(json.dumps(portal.claims()))
        return portal.signed(json_bytes(portal.header()), text.encode())

    return Hostile(f"JSON: {what}", forge)


def raw_header(what: str, edit: Callable[[str], str]) -> Hostile:
    def forge(portal: TestPortal) -> str:
        text = edit(json.dumps(portal.header()))
        return portal.signed(text.encode(), json_bytes(portal.claims()))

    return Hostile(f"JSON: {what}", forge)


def replaced(old: str, new: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


def unsigned(portal: TestPortal) -> str:
    return f"{b64(json_bytes(portal.header(alg='none')))}.{b64(json_bytes(portal.claims()))}."


def signed_with_public_key_as_secret(portal: TestPortal) -> str:
    """The classical confusion: HMAC, with the public key that everybody has."""
    key = portal.keys[portal.kid]
    text = f"{b64(json_bytes(portal.header(alg='HS256')))}.{b64(json_bytes(portal.claims()))}"
    mac = hmac.new(public_pem(key).encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{b64(mac)}"


def signed_with_embedded_key(portal: TestPortal) -> str:
    jwk = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(OTHER_KEY.public_key()))
    return portal.token(header=portal.header(jwk=jwk), key=OTHER_KEY)


def claims_of_another(portal: TestPortal) -> str:
    head, _, signature = portal.token().split(".")
    _, body, _ = portal.token(sub="a0000001").split(".")
    return f"{head}.{body}.{signature}"


def flipped_signature(token: str) -> str:
    head, body, signature = token.split(".")
    data = bytearray(unb64(signature))
    data[7] ^= 1
    return f"{head}.{body}.{b64(bytes(data))}"


def with_s_beyond_the_order(token: str) -> str:
    """S + L verifies the same equation, and a lax verifier takes it for a second signature."""
    head, body, signature = token.split(".")
    data = unb64(signature)
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(data[32:], "little") + order
    return f"{head}.{body}.{b64(data[:32] + s.to_bytes(32, 'little'))}"


def with_stray_bits(token: str) -> str:
    """Another spelling of the same bytes: the last character holds bits that no byte takes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    stray = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    assert unb64(stray.split(".")[2]) == unb64(token.split(".")[2])
    return stray


def standard_alphabet(portal: TestPortal) -> str:
    """`+` and `/` for `-` and `_`, signed as it is written."""
    claims = json_bytes(portal.claims(name="???>>>~~~"))
    body = base64.b64encode(claims).rstrip(b"=").decode()
    assert "/" in body or "+" in body
    text = f"{b64(json_bytes(portal.header()))}.{body}"
    return f"{text}.{b64(raw_sign(portal.keys[portal.kid], text.encode()))}"


def wrapped_in_json(token: str) -> str:
    head, body, signature = token.split(".")
    return json.dumps({"protected": head, "payload": body, "signature": signature})
