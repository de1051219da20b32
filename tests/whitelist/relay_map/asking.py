"""Relays as tests want them, and how one asks and reports."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.test import Client
from django.utils import timezone

from relay_agent.snapshot import Snapshot, unpack
from whitelist.audit import SYSTEM
from whitelist.models import Relay
from whitelist.relay_map.signing_key import signing_keys
from whitelist.relay_map.snapshot import issuer
from whitelist.relays import do_add_relay

SNAPSHOT = "/relay/v1/snapshot"
REPORT = "/relay/v1/report"
DIGEST = "ab" * 32
RUN = "0123456789abcdef"


class Asker:
    """A relay at the other end of HTTP: it has its token, and nothing else."""

    def __init__(self, name: str = "mx1", *, at: datetime | None = None) -> None:
        self.name = name
        _relay, self.token = do_add_relay(name, actor=SYSTEM, at=at or timezone.now())
        self.client = Client()
        issuer._last = None  # as in a process that has just started

    @property
    def row(self) -> Relay:
        return Relay.objects.get(name=self.name)

    def ask(self, **headers: str) -> Any:
        return self.client.get(SNAPSHOT, headers=self.authorized(headers))

    def snapshot(self) -> Snapshot:
        answer = self.ask()
        assert answer.status_code == 200, answer.content
        return opened(answer.content)

    def report(self, **fields: Any) -> Any:
        return self.send(json.dumps(told(**fields)).encode())

    def send(self, body: bytes, content_type: str = "application/json") -> Any:
        return self.client.post(REPORT, body, content_type, headers=self.authorized({}))

    def authorized(self, headers: dict[str, str]) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}", **headers}


def opened(body: bytes) -> Snapshot:
    """What a relay that pins our keys reads."""
    return unpack(
        body,
        {key.key_id: Ed25519PublicKey.from_public_bytes(key.public) for key in signing_keys()},
    )


def told(**fields: Any) -> dict[str, Any]:
    """A report that is well-formed, with some fields changed."""
    now = timezone.now().timestamp()
    return {
        "serial": 0,
        "digest": DIGEST,
        "version": "1.0",
        "boot_seconds": 12345.6,
        "time": now,
        "error": "",
        "issued_at": int(now),
        "run": RUN,
        "sent": [],
    } | fields
