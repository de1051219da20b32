"""For machines: alive, ready, and numbers."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from whitelist.models import AccessMap, Relay, WhitelistEntry

PLAIN = "text/plain; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers; asks nothing else."""
    return HttpResponse("ok\n", content_type=PLAIN)


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when the service can open entries, else 503 with one line a reason."""
    reasons = not_ready()
    if reasons:
        return HttpResponse("\n".join(reasons) + "\n", status=503, content_type=PLAIN)
    return HttpResponse("ready\n", content_type=PLAIN)


def not_ready() -> list[str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        access_map = AccessMap.objects.get()
        relay_errors = list(
            Relay.objects.active().exclude(last_error="").values_list("name", "last_error")
        )
    except (DatabaseError, AccessMap.DoesNotExist) as error:
        return [f"database: {type(error).__name__}"]
    reasons = [f"relay {name}: {error.splitlines()[0]}" for name, error in relay_errors]
    if access_map.published_at is None:
        reasons.append("map: never published")
    return reasons


@never_cache
@require_safe
def metrics(_request: HttpRequest) -> HttpResponse:
    """Prometheus text: entries, serials, and how far the published map is behind."""
    access_map = AccessMap.objects.get()
    active = WhitelistEntry.objects.active(timezone.now())
    values = {
        "whitelist_entries_active": active.count(),
        "whitelist_entries_applying": active.filter(effective_at__isnull=True).count(),
        "whitelist_map_serial": access_map.serial,
        "whitelist_map_published_serial": access_map.published_serial,
        "whitelist_map_entries": access_map.entries,
    }
    lines = [f"# TYPE {name} gauge\n{name} {value}" for name, value in values.items()]
    lines.append("# TYPE whitelist_relay_installed_serial gauge")
    lines += [
        f'whitelist_relay_installed_serial{{relay="{relay.name}"}} {relay.installed_serial}'
        for relay in Relay.objects.active()
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type=PROMETHEUS)
