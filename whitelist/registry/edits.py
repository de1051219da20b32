"""What staff change in a list by hand, written down as a sync would."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F
from django.db.models.functions import Greatest

from whitelist.models.host import Host, HostChange
from whitelist.models.zone import Zone


def do_write_down(before: Host | None, after: Host | None, *, at: datetime) -> None:
    """The history of the addresses, and how many hosts their lists hold.

    `before` and `after` are one host as it was and is; None where it is new, or gone. Call it
    inside the transaction of the change.
    """
    if before and after and named(before) == named(after):
        return
    for host, added in ((before, False), (after, True)):
        if host is None:
            continue
        zone, address, name = named(host)
        HostChange.objects.create(zone_id=zone, address=address, name=name, added=added, at=at)
        count = F("hosts_count") + 1 if added else Greatest(F("hosts_count") - 1, 0)
        Zone.objects.filter(pk=zone).update(hosts_count=count)


def named(host: Host) -> tuple[int, str, str]:
    return host.zone_id, host.address, host.name
