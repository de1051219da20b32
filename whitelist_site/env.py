"""Settings from the environment, read strictly.

Every reader raises `SettingError` for a value that it does not understand:
a typing mistake must stop the start, never turn into a default.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

TRUE = frozenset({"1", "on", "true", "yes"})
FALSE = frozenset({"0", "off", "false", "no", ""})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingError(Exception):
    """A setting that is missing or malformed: which one, and why, in one line."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"setting {name}: {why}")
        self.name = name


@dataclass(frozen=True)
class TrustedProxies:
    """Peers whose `X-Forwarded-For` is believed.

    `unix` stands for a peer on a Unix socket, which has no address.
    """

    networks: tuple[Network, ...] = ()
    unix: bool = False

    def __bool__(self) -> bool:
        return bool(self.networks) or self.unix


@dataclass(frozen=True)
class Environment:
    """One process environment; `values` is usually `os.environ`."""

    values: Mapping[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        value = self.values.get(name)
        if value is not None and value.strip():
            return value.strip()
        if default is None:
            raise SettingError(name, "is required and not set")
        return default

    def secret(self, name: str) -> str:
        """A secret from NAME, or from the file that NAME_FILE names; there is no default."""
        file = self.values.get(f"{name}_FILE", "").strip()
        if file and self.values.get(name, "").strip():
            raise SettingError(name, f"is given twice, as {name} and as {name}_FILE")
        if not file:
            return self.text(name)
        try:
            value = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{name}_FILE", f"cannot read {file}: {error}") from error
        if not value:
            raise SettingError(f"{name}_FILE", f"{file} is empty")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        value = self.values.get(name)
        if value is None:
            return default
        word = value.strip().lower()
        if word in TRUE:
            return True
        if word in FALSE:
            return False
        raise SettingError(name, f"{value!r} is neither on nor off")

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        value = self.text(name, str(default))
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise SettingError(name, f"{value!r} is not a whole number from {least} to {most}")
        return int(value)

    def words(self, name: str, default: str = "") -> list[str]:
        """Words separated by commas or white space."""
        return [word for word in re.split(r"[,\s]+", self.text(name, default)) if word]

    def choices(self, name: str, default: str, allowed: frozenset[str]) -> list[str]:
        words = self.words(name, default)
        for word in words:
            if word not in allowed:
                raise SettingError(name, f"{word!r} is not one of {', '.join(sorted(allowed))}")
        return words

    def folder(self, name: str, default: Path) -> Path:
        return Path(self.text(name, str(default))).absolute()

    def own_folder(self, name: str, default: Path) -> Path:
        """A folder that the service writes to; created where it is missing."""
        folder = self.folder(name, default)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError(
                name, f"cannot make the folder {folder}: {error.strerror}"
            ) from error
        return folder

    def file(self, name: str) -> Path | None:
        value = self.text(name, "")
        if not value:
            return None
        path = Path(value).absolute()
        if not path.is_file():
            raise SettingError(name, f"there is no file {path}")
        return path

    def zone(self, name: str, default: str) -> str:
        value = self.text(name, default)
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise SettingError(name, f"{value!r} is not a time zone") from error
        return value

    def url(self, name: str, default: str, schemes: frozenset[str]) -> SplitResult:
        """A URL with one of the schemes. It may hold a password, so no error repeats it."""
        value = self.text(name, default)
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError as error:
            raise SettingError(name, f"is not a URL: {error}") from error
        if parts.scheme not in schemes:
            known = ", ".join(f"{scheme}://" for scheme in sorted(schemes))
            raise SettingError(name, f"begins with {parts.scheme!r}, not with one of {known}")
        return parts

    def trusted_proxies(self, name: str) -> TrustedProxies:
        networks: list[Network] = []
        unix = False
        for word in self.words(name):
            if word == "unix":
                unix = True
                continue
            try:
                networks.append(ipaddress.ip_network(word))
            except ValueError as error:
                raise SettingError(name, f"{word!r} is not a CIDR: {error}") from error
        return TrustedProxies(tuple(networks), unix)
