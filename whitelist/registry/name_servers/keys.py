"""TSIG keys, read from `key` statements as BIND has them and `tsig-keygen` writes them. Pure.

No error and no repr ever shows what stands in such a file: any word of it may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

ALGORITHMS = ("hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")
MAX_NAME = 253
NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)
TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/)
    |(?P<sign>[{};])
    |"(?P<quoted>[^"\n]*)"
    |(?P<bare>(?:(?!//|/\*)[^\s{};"\#])+)""",
    re.DOTALL | re.VERBOSE,
)


class KeyFileError(ValueError):
    """The file cannot be used; names the line and the reason, and shows nothing of it."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


@dataclass(frozen=True)
class Key:
    """A secret that we share with a server; `name` in lower case, without final dot."""

    name: str
    algorithm: str
    secret: bytes = field(repr=False)


class Token(NamedTuple):
    line: int
    text: str
    is_sign: bool


def read_keys(text: str) -> dict[str, Key]:
    """The keys of a file by name. Raises `KeyFileError`."""
    tokens = Tokens(text)
    keys: dict[str, Key] = {}
    while (start := tokens.next()) is not None:
        if start.is_sign or start.text.lower() != "key":
            raise KeyFileError(start.line, "only key statements may stand here")
        key = read_key(tokens)
        if key.name in keys:
            raise KeyFileError(start.line, "a key of this name stands above already")
        keys[key.name] = key
    return keys


def read_key(tokens: Tokens) -> Key:
    line, name = tokens.word("the name of the key")
    name = name.lower().removesuffix(".")
    if len(name) > MAX_NAME or not NAME.fullmatch(name):
        raise KeyFileError(line, "the name of the key is not a domain name")
    tokens.sign("{")
    parts: dict[str, str] = {}
    while (token := tokens.needed('"}"')) != (token.line, "}", True):
        part = token.text.lower()
        if token.is_sign or part not in {"algorithm", "secret"}:
            raise KeyFileError(token.line, "a key has an algorithm and a secret, nothing else")
        if part in parts:
            raise KeyFileError(token.line, f"{part} stands twice in this key")
        at, value = tokens.word(f"the {part}")
        parts[part] = value
        check_part(at, part, value)
        tokens.sign(";")
    tokens.sign(";")
    for part in ("algorithm", "secret"):
        if part not in parts:
            raise KeyFileError(line, f"the key has no {part}")
    return Key(name, parts["algorithm"].lower(), decoded(parts["secret"]))


def check_part(line: int, part: str, value: str) -> None:
    if part == "algorithm":
        if value.lower().startswith("hmac-md5"):
            raise KeyFileError(line, "hmac-md5 is broken: make a new key with tsig-keygen")
        if value.lower() not in ALGORITHMS:
            raise KeyFileError(line, f"the algorithm must be one of {', '.join(ALGORITHMS)}")
        return
    try:
        secret = decoded(value)
    except ValueError:
        raise KeyFileError(line, "the secret is not base64") from None
    if not secret:
        raise KeyFileError(line, "the secret is empty")


def decoded(secret: str) -> bytes:
    """Raises `ValueError` where it is not base64; white space inside is let through, as BIND."""
    try:
        return base64.b64decode("".join(secret.split()), validate=True)
    except binascii.Error:
        raise ValueError from None


class Tokens:
    """The words and signs of a file, one after the other."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens_of(text)
        self.line = 1

    def next(self) -> Token | None:
        token = next(self.tokens, None)
        if token is not None:
            self.line = token.line
        return token

    def needed(self, what: str) -> Token:
        token = self.next()
        if token is None:
            raise KeyFileError(self.line, f"the file ends where {what} should follow")
        return token

    def word(self, what: str) -> tuple[int, str]:
        token = self.needed(what)
        if token.is_sign:
            raise KeyFileError(token.line, f"{what} is missing")
        return token.line, token.text

    def sign(self, sign: str) -> None:
        before = self.line
        token = self.needed(f'"{sign}"')
        if not (token.is_sign and token.text == sign):
            raise KeyFileError(before, f'"{sign}" is missing')


def tokens_of(text: str) -> Iterator[Token]:
    line, at = 1, 0
    text = text.removeprefix("\ufeff")
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise KeyFileError(line, "a quotation or comment is not closed")
        if match["space"] is None:
            word = match["quoted"] if match["quoted"] is not None else match["bare"]
            yield Token(line, match["sign"] or word, match["sign"] is not None)
        line += match[0].count("\n")
        at = match.end()
