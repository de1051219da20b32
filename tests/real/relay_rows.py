"""Relays in every state, made inside the service: `service.manage("shell", …)`.

None of them counts, so that what the other scenes apply for still becomes effective.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from tests.real.relay_scenes import IN_ERROR, IN_SYNC, SILENT
from whitelist.models import AccessMap, Relay
from whitelist.models.relay import LOCAL_RELAY

DIGEST = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"


def make_relays() -> None:
    remove_relays()
    at, serial = timezone.now(), AccessMap.objects.get().serial
    heard = {
        "token_issued_at": at - timedelta(days=40),
        "installed_serial": serial,
        "installed_digest": DIGEST,
        "version": "1.0",
        "booted_seconds": 1_234_567.8,
        "clock_offset": 0.012,
    }
    make(IN_SYNC, "smtp1", heard, reported_at=at)
    make(SILENT, "smtp2", heard, reported_at=at - timedelta(minutes=12))
    failed = "cannot write /var/lib/smtp-whitelist-agent/map: No space left on device"
    make(IN_ERROR, "smtp3", heard, reported_at=at, last_error=failed, clock_offset=-3.4)
    make(904, "smtp4", heard, reported_at=at, installed_serial=max(serial - 2, 0))
    make(905, "smtp5", {"token_issued_at": at})


def make(pk: int, name: str, values: dict[str, object], **more: object) -> None:
    Relay.objects.create(
        pk=pk, name=name, is_active=False, token_digest=f"{pk}", **{**values, **more}
    )


def remove_relays() -> None:
    Relay.objects.exclude(name=LOCAL_RELAY).delete()
