"""The agent's configuration file: INI, read once, every fault named by section and option.

    [service]
    url = https://whitelist.example.edu
    token_file = /etc/smtp-whitelist-agent.token
    [keys]
    2026-a = <Ed25519 public key, base64 or hex>

What may stand beside that is in OPTIONS.
"""

from __future__ import annotations

import base64
import binascii
import configparser
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from relay_agent.formats import find_format
from relay_agent.snapshot import KEY_ID, Limits
from relay_agent.tables import TYPES

FILE = Path("/etc/smtp-whitelist-agent.conf")
STATE = "/var/lib/smtp-whitelist-agent"
KEY_BYTES = 32
TOKEN = re.compile(r"[\x21-\x7e]{1,512}", re.ASCII)

# Each option with what it is when nobody says; None: it must be said.
OPTIONS: Mapping[str, Mapping[str, str | None]] = {
    "service": {
        "url": None,
        "token_file": None,
        "ca_file": "",
        "pinned": "",
        "poll_seconds": "1",
    },
    "tables": {"folder": f"{STATE}/map", "types": "lmdb", "formats": ""},
    "state": {"folder": STATE},
    "metrics": {"file": "", "listen": ""},
    "policy": {"listen": "", "normal_per_hour": "0", "normal_per_day": "0"},
    "sent": {"log": ""},
}
KEYS = "keys"

T = TypeVar("T")


class ConfigError(Exception):
    """The file cannot be used; `problems` has one line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True)
class Config:
    """What the file says, checked for form only: nothing was opened but the file itself.

    `pinned` is the one service whose snapshots are taken; empty: whatever our keys vouch for.
    `sent_log` is a path, `journal`, `policy`, or empty for no counting.
    """

    url: str
    token_file: Path
    keys: Mapping[str, Ed25519PublicKey] = field(repr=False)
    ca_file: Path | None = None
    pinned: str = ""
    poll_seconds: float = 1.0
    tables: Path = Path(STATE) / "map"
    types: tuple[str, ...] = ("lmdb",)
    formats: tuple[str, ...] = ()
    state: Path = Path(STATE)
    metrics_file: Path | None = None
    metrics_listen: tuple[str, int] | None = None
    policy_listen: str = ""
    normal: Limits = field(default_factory=Limits)
    sent_log: str = ""


def read_config(path: Path) -> Config:
    """Raises ConfigError with everything that is wrong in the file, not only the first."""
    parser = configparser.ConfigParser(
        interpolation=None, default_section="", inline_comment_prefixes=None
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # key ids keep their case
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise ConfigError([f"{path} cannot be read: {' '.join(str(error).split())}"]) from error
    return _Reader(parser).config()


def read_token(path: Path) -> str:
    """The relay's token, alone in its file. Raises ConfigError."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"[service] token_file: {path} cannot be read: {error}"]) from error
    if not TOKEN.fullmatch(token):
        raise ConfigError([f"[service] token_file: {path} does not hold one token and no more"])
    return token


def public_key(text: str) -> Ed25519PublicKey:
    """From 32 bytes in base64 or hex. Raises ValueError."""
    try:
        raw = (
            bytes.fromhex(text)
            if len(text) == 2 * KEY_BYTES
            else base64.b64decode(text, None, True)
        )
    except (ValueError, binascii.Error) as error:
        raise ValueError("is neither base64 nor hex") from error
    if len(raw) != KEY_BYTES:
        raise ValueError(f"has {len(raw)} bytes; an Ed25519 public key has {KEY_BYTES}")
    return Ed25519PublicKey.from_public_bytes(raw)


class _Reader:
    """Takes options out of a parsed file and gathers what is wrong with them."""

    def __init__(self, parser: configparser.ConfigParser) -> None:
        self.parser = parser
        self.problems: list[str] = []

    def config(self) -> Config:
        self._refuse_unknown()
        keys = self._keys()
        found = Config(
            url=self._take("service", "url", service_url, ""),
            token_file=self._take("service", "token_file", absolute, Path()),
            keys=keys,
            ca_file=self._take("service", "ca_file", perhaps(absolute), None),
            pinned=self._take("service", "pinned", str, ""),
            poll_seconds=self._take("service", "poll_seconds", seconds, 1.0),
            tables=self._take("tables", "folder", absolute, Path()),
            types=self._take("tables", "types", table_types, ()),
            formats=self._take("tables", "formats", format_names, ()),
            state=self._take("state", "folder", absolute, Path()),
            metrics_file=self._take("metrics", "file", perhaps(absolute), None),
            metrics_listen=self._take("metrics", "listen", perhaps(loopback), None),
            policy_listen=self._take("policy", "listen", policy_address, ""),
            normal=Limits(
                self._take("policy", "normal_per_hour", count, 0),
                self._take("policy", "normal_per_day", count, 0),
            ),
            sent_log=self._take("sent", "log", sent_log, ""),
        )
        if found.sent_log == "policy" and not found.policy_listen:
            self.problems.append("[sent] log: is policy, but [policy] listen is not set")
        if self.problems:
            raise ConfigError(self.problems)
        return found

    def _refuse_unknown(self) -> None:
        for section in self.parser.sections():
            if section == KEYS:
                continue
            if section not in OPTIONS:
                self.problems.append(f"[{section}]: there is no such section")
                continue
            for option in self.parser[section]:
                if option not in OPTIONS[section]:
                    known = ", ".join(OPTIONS[section])
                    self.problems.append(f"[{section}] {option}: unknown; known are {known}")

    def _keys(self) -> dict[str, Ed25519PublicKey]:
        given = self.parser[KEYS] if self.parser.has_section(KEYS) else {}
        keys = {}
        for key_id, text in given.items():
            try:
                if not KEY_ID.fullmatch(key_id):
                    raise ValueError("is no key id")
                keys[key_id] = public_key(text.strip())
            except ValueError as error:
                self.problems.append(f"[{KEYS}] {key_id}: {error}")
        if not given:
            self.problems.append(f"[{KEYS}]: no key is pinned; ask the service's staff for it")
        return keys

    def _take(self, section: str, option: str, kind: Callable[[str], T], instead: T) -> T:
        """The option as `kind` reads it; `instead`, with a problem noted, where it cannot."""
        default = OPTIONS[section][option]
        given = self.parser.get(section, option, fallback=default)
        if given is None or (default is None and not given.strip()):
            self.problems.append(f"[{section}] {option}: is missing")
            return instead
        try:
            return kind(given.strip())
        except ValueError as error:
            self.problems.append(f"[{section}] {option}: {error}")
            return instead


def service_url(text: str) -> str:
    """https, or http to this machine only: the token must not cross a wire in the clear."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError(f"{text!r} is not https://HOST")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{text!r} has more than host, port and path")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("must be https; http only to a loopback address")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def absolute(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not an absolute path")
    return Path(text)


def perhaps(kind: Callable[[str], T]) -> Callable[[str], T | None]:
    return lambda text: kind(text) if text else None


def seconds(text: str) -> float:
    """Between a tenth of a second and the longest back-off."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0.1 <= found <= 30:
        raise ValueError(f"{text!r} is not a number of seconds from 0.1 to 30")
    return found


def count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise ValueError(f"{text!r} is not a whole number (0: no limit)")
    return int(text)


def words(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[,\s]+", text) if word)


def table_types(text: str) -> tuple[str, ...]:
    found = words(text)
    for word in found:
        if word not in TYPES:
            raise ValueError(f"unknown table type {word!r}; known are {', '.join(TYPES)}")
    return found


def format_names(text: str) -> tuple[str, ...]:
    found = words(text)
    for word in found:
        find_format(word)
    return found


def loopback(text: str) -> tuple[str, int]:
    """ADDRESS:PORT on this machine."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not _is_loopback(host) or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not a loopback address and a port, as 127.0.0.1:9464")
    return host, int(port)


def policy_address(text: str) -> str:
    """unix:/PATH or inet:LOOPBACK:PORT."""
    if text.startswith("inet:"):
        loopback(text.removeprefix("inet:"))
    elif text and not text.startswith("unix:/"):
        raise ValueError(f"{text!r} is neither unix:/PATH nor inet:127.0.0.1:PORT")
    return text


def sent_log(text: str) -> str:
    if text not in {"", "policy", "journal"} and not text.startswith("/"):
        raise ValueError(f"{text!r} is unknown; known are policy, journal, /PATH")
    return text
