"""Relays in every state, made inside the service: `service.manage("shell", …)`.

None of them counts, so that what the other scenes apply for still becomes effective.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from tests.real.relay_scenes import BEHIND, IN_ERROR, IN_SYNC, NEW, SILENT
from whitelist.models import Relay

DIGEST = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"


def make_relays() -> None:
    at = timezone.now()
    heard = {
        "token_issued_at": at - timedelta(days=40),
        "reported_at": at - timedelta(minutes=12),
        "installed_digest": DIGEST,
        "version": "1.0",
        "booted_seconds": 1_234_567.8,
        "clock_offset": 0.012,
    }
    failed = "cannot write /var/lib/smtp-whitelist-agent/map: No space left on device"
    make(IN_SYNC, "smtp1", heard)
    make(SILENT, "smtp2", heard)
    make(IN_ERROR, "smtp3", heard, last_error=failed, clock_offset=-3.4)
    make(BEHIND, "smtp4", heard)
    make(NEW, "smtp5", {"token_issued_at": at})


def make(pk: int, name: str, values: dict[str, object], **more: object) -> None:
    Relay.objects.create(
        pk=pk, name=name, is_active=False, token_digest=f"{pk}", **{**values, **more}
    )
