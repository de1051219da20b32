"""Asking a policy service as smtpd does."""

from __future__ import annotations

import socket
from typing import Self

from relay_agent.policy import View
from relay_agent.snapshot import Limits

CLIENT = "140.114.64.154"
SERVICE = "https://smtp.example.edu"
LATER = b"4000000000"
# What Postfix 3.7 sends at RCPT, in its order.
ATTRIBUTES = {
    "request": "smtpd_access_policy",
    "protocol_state": "RCPT",
    "protocol_name": "ESMTP",
    "client_address": CLIENT,
    "client_name": "unknown",
    "client_port": "37254",
    "reverse_client_name": "unknown",
    "server_address": "127.0.0.1",
    "server_port": "25",
    "helo_name": "client.example.org",
    "sender": "sender@example.org",
    "recipient": "someone@example.net",
    "recipient_count": "0",
    "queue_id": "",
    "instance": "9b.6924.1.0",
    "size": "0",
    "etrn_domain": "",
    "stress": "",
    "sasl_method": "",
    "sasl_username": "",
    "sasl_sender": "",
    "ccert_subject": "",
    "ccert_issuer": "",
    "ccert_fingerprint": "",
    "ccert_pubkey_fingerprint": "",
    "encryption_protocol": "",
    "encryption_cipher": "",
    "encryption_keysize": "0",
    "policy_context": "",
}


def request(**attributes: str | None) -> bytes:
    """A request's bytes, some attributes of another value; None: left out."""
    given = {name: value for name, value in (ATTRIBUTES | attributes).items() if value is not None}
    return "".join(f"{name}={value}\n" for name, value in given.items()).encode() + b"\n"


def view(
    *addresses: str, limits: Limits | None = None, lasting: bool = True, service: str = SERVICE
) -> View:
    """These addresses exempt, for as long as `lasting` is true."""
    records = {address.encode(): LATER for address in addresses}
    return View(records, limits or Limits(), service, lambda _key, _value: lasting)


class Asker:
    """One connection to a policy service."""

    def __init__(self, listen: str) -> None:
        kind, _, rest = listen.partition(":")
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(rest)
        else:
            host, _, port = rest.rpartition(":")
            self.socket = socket.create_connection((host, int(port)))
        self.socket.settimeout(10)
        self.file = self.socket.makefile("rb")

    def ask(self, data: bytes) -> str:
        """What follows `action=`. Raises ConnectionError where the connection ends instead."""
        self.socket.sendall(data)
        return self.read()

    def read(self) -> str:
        line, empty = self.file.readline(), self.file.readline()
        if not line or empty != b"\n":
            raise ConnectionError(f"no answer, but {line + empty!r}")
        return line.decode().removeprefix("action=").removesuffix("\n")

    def ended(self) -> bool:
        """Whether the other side has closed; waits for it."""
        return self.file.read(1) == b""

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
