"""What a private name server is told: zones, and the TSIG keys that open them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

import dns.name
import dns.tsig

SERIAL_HALF = 1 << 31
TIMES = (3600, 900, 1_209_600, 300)  # refresh, retry, expire, minimum; seconds


def new_secret() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Key:
    """A TSIG key; `secret` is Base64, as every configuration wants it."""

    name: str
    secret: str = field(default_factory=new_secret, repr=False)
    algorithm: str = "hmac-sha256"

    def statement(self) -> str:
        """As a configuration of BIND states it."""
        return f'key "{self.name}" {{ algorithm {self.algorithm}; secret "{self.secret}"; }};\n'

    def tsig(self) -> dns.tsig.Key:
        return dns.tsig.Key(dns.name.from_text(self.name), self.secret, self.algorithm)


def key_file(*keys: Key) -> str:
    """The text of a key file as BIND includes it."""
    return "".join(key.statement() for key in keys)


@dataclass
class Zone:
    """A zone that a private name server is to serve.

    `name` is in lower case without final dot. `body` is lines of a master file, relative to it;
    SOA and NS are added. `readers` may transfer it; with `anyone` everybody may, with neither
    nobody. `notify` are ports of 127.0.0.1 that are told of a new serial, signed by `notify_key`
    where there is one. `view` is BIND's alone: those see it who sign with a key of `readers`,
    or, with `anyone`, who are in no other view. Without `incremental` the server keeps no
    history, and answers IXFR in full. `served` False: the text is wrong on purpose, so nobody
    waits until it is served.
    """

    name: str
    body: str = ""
    serial: int = 1
    readers: tuple[Key, ...] = ()
    anyone: bool = False
    notify: tuple[int, ...] = ()
    notify_key: Key | None = None
    view: str = ""
    incremental: bool = True
    served: bool = True
    times: tuple[int, int, int, int] = TIMES

    def text(self) -> str:
        """The whole master file."""
        soa = f"ns1.invalid. hostmaster.invalid. {self.serial} {' '.join(map(str, self.times))}"
        head = f"$ORIGIN {self.name}.\n$TTL 300\n@ IN SOA {soa}\n@ IN NS ns1.invalid.\n"
        return head + self.body.rstrip("\n") + "\n"

    def all_keys(self) -> tuple[Key, ...]:
        return self.readers + ((self.notify_key,) if self.notify_key else ())


def keys_of(zones: Iterable[Zone]) -> list[Key]:
    """Every key that the zones need, once."""
    return list(dict.fromkeys(key for zone in zones for key in zone.all_keys()))


def is_lower(serial: int, than: int) -> bool:
    """Whether a serial lies before another one, by RFC 1982."""
    return 0 < (than - serial) % (1 << 32) < SERIAL_HALF
