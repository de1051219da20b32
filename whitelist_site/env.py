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
from urllib.parse import SplitResult, quote, urlsplit
from zoneinfo import ZoneInfo

TRUE = frozenset({"1", "on", "true", "yes"})
FALSE = frozenset({"0", "off", "false", "no", ""})
LEAST_KEY = 32  # characters of a SECRET_KEY; `make run` makes one of 86

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
HOST_NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")


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

    def secret(self, name: str, default: str | None = None) -> str:
        """A value that may hold a secret: from NAME, or from the file that NAME_FILE names."""
        file = self.values.get(f"{name}_FILE", "").strip()
        if file and self.values.get(name, "").strip():
            raise SettingError(name, f"is given twice, as {name} and as {name}_FILE")
        if not file:
            return self.text(name, default)
        return self._content(name, file)

    def key(self, name: str, made: Path) -> str:
        """A secret key. Where none is given, the one that `make run` MADE for this machine."""
        given = any(self.values.get(each, "").strip() for each in (name, f"{name}_FILE"))
        value = self.secret(name) if given or not made.is_file() else self._content(name, str(made))
        if len(value) < LEAST_KEY:
            raise SettingError(name, f"is shorter than {LEAST_KEY} characters")
        return value

    def _content(self, name: str, file: str) -> str:
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
        value = self.text(name, default)
        words = [word for word in re.split(r"[,\s]+", value) if word]
        if value and not words:
            raise SettingError(name, f"{value!r} names nothing")
        return words

    def choices(self, name: str, default: str, allowed: frozenset[str]) -> list[str]:
        """Words separated by commas alone: other programs than this one read them too."""
        words = [word.strip() for word in self.text(name, default).split(",")]
        for word in words:
            if word not in allowed:
                known = ", ".join(sorted(allowed))
                raise SettingError(name, f"{word!r} is not one of {known}, separated by commas")
        return list(dict.fromkeys(words))

    def hosts(self, name: str, default: str) -> list[str]:
        """Host names and addresses as Django's ALLOWED_HOSTS takes them."""
        words = self.words(name, default)
        for word in words:
            if word != "*" and not is_host(word.removeprefix(".")):
                raise SettingError(
                    name, f"{word!r} is no host name (no scheme, port or path; IPv6 in brackets)"
                )
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

    def listener(self, name: str) -> tuple[str, int] | None:
        """Where to listen: `192.0.2.1:53`, `[2001:db8::1]:53`; None where it is empty."""
        value = self.text(name, "")
        if not value:
            return None
        host, colon, port = value.rpartition(":")
        host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
        try:
            ipaddress.ip_address(host)
        except ValueError as error:
            raise SettingError(name, f"{value!r} is not ADDRESS:PORT (IPv6 in brackets)") from error
        if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 2**16:
            raise SettingError(name, f"{value!r} does not end in a port from 1 to 65535")
        return host, int(port)

    def zone(self, name: str, default: str) -> str:
        value = self.text(name, default)
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise SettingError(name, f"{value!r} is not a time zone") from error
        return value

    def url(self, name: str, default: str, schemes: frozenset[str]) -> SplitResult:
        """A URL with one of the schemes, from NAME or the file that NAME_FILE names.

        It may hold a password, so no error repeats any of it: where a password was not
        percent-encoded, even what looks like the port can be a part of it.
        """
        value = self.secret(name, default)
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            raise SettingError(
                name, "is not a URL (in a password, : / ? # @ [ ] % must be percent-encoded)"
            ) from None
        if parts.scheme not in schemes:
            known = ", ".join(f"{scheme}://" for scheme in sorted(schemes))
            raise SettingError(name, f"does not begin with one of {known}")
        if parts.fragment:
            raise SettingError(name, "has a fragment, which means nothing here (write # as %23)")
        return parts

    def base_url(self, name: str, default: str) -> SplitResult:
        """Scheme, host and perhaps a port: everything else of a URL would be lost."""
        parts = self.url(name, default, frozenset({"http", "https"}))
        if not parts.hostname:
            raise SettingError(name, "names no host")
        if not is_host(bracketed(parts.hostname)):
            raise SettingError(name, "its host is no host name")
        if "@" in parts.netloc or parts.query or parts.path not in {"", "/"}:
            raise SettingError(name, "has more than scheme, host and port")
        return parts

    def broker_url(self, name: str, default_folder: Path) -> SplitResult:
        schemes = frozenset({"file", "redis", "rediss", "amqp", "amqps"})
        parts = self.url(name, f"file://{quote(str(default_folder))}", schemes)
        if parts.scheme == "file" and (
            parts.netloc or parts.query or not re.match("/.", parts.path)
        ):
            raise SettingError(name, "file:// needs an absolute path, as in file:///srv/broker")
        if parts.scheme.startswith("redis") and not re.fullmatch(r"(/[0-9]*)?", parts.path):
            raise SettingError(name, "the database of redis:// is not a number")
        return parts

    def email_url(self, name: str, default_folder: Path) -> SplitResult:
        """`smtp://`, `smtp+starttls://` or `smtps://` with a host; or a folder, a file a letter."""
        schemes = frozenset({"file", "smtp", "smtp+starttls", "smtps"})
        parts = self.url(name, f"file://{quote(str(default_folder))}", schemes)
        if parts.scheme == "file":
            if parts.netloc or parts.query or not re.match("/.", parts.path):
                raise SettingError(name, "file:// needs an absolute path, as in file:///srv/mail")
            return parts
        if not parts.hostname or parts.query or parts.path not in {"", "/"}:
            raise SettingError(name, "is not SCHEME://[USER:PASSWORD@]HOST[:PORT]")
        return parts

    def sender(self, name: str, default: str) -> str:
        """An address that letters come from, without a display name."""
        value = self.text(name, default)
        local, at, domain = value.rpartition("@")
        if not at or not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+", local):
            raise SettingError(name, f"{value!r} is not an e-mail address")
        if not is_host(domain):
            raise SettingError(name, f"{value!r} is not an e-mail address")
        return value

    def trusted_proxies(self, name: str) -> TrustedProxies:
        words = self.words(name)
        networks = tuple(trusted_network(name, word) for word in words if word != "unix")
        return TrustedProxies(networks, "unix" in words)


def trusted_network(name: str, word: str) -> Network:
    """A network that may be believed; one that means everybody, or nobody, is a mistake."""
    try:
        network = ipaddress.ip_network(word)
    except ValueError as error:
        raise SettingError(name, f"{word!r} is not a CIDR: {error}") from error
    if network.prefixlen == 0:
        raise SettingError(name, f"{word!r} would believe everybody")
    if network.version == 6 and network.overlaps(MAPPED):
        raise SettingError(name, f"{word!r} holds IPv4-mapped addresses; write them as IPv4")
    return network


def is_host(word: str) -> bool:
    """A name, an IPv4 address, or an IPv6 address in brackets."""
    if not word.startswith("["):
        return HOST_NAME.fullmatch(word) is not None
    try:
        ipaddress.IPv6Address(word.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return word.endswith("]")


def sender_domain(host: str) -> str:
    """What stands behind the @ of our own letters: a name, never an address."""
    is_name = re.search(r"[A-Za-z]", host) and ":" not in host
    return host if is_name else "localhost"


def bracketed(host: str) -> str:
    """A URL's `hostname` as it stands in a Host header."""
    return f"[{host}]" if ":" in host else host
