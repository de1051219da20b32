"""The map serial: how a change of entries reaches the relay, whatever fails in between.

A change takes the next serial in its own transaction. The task that is sent on commit is a
hint that makes it fast; the row is what makes it sure, since beat looks for serials that
nobody has published.
"""

from __future__ import annotations

from django.db import transaction

from whitelist.models.access_map import THE_MAP, AccessMap
from whitelist.sending import send_task

PUBLISH_TASK = "whitelist.publish_access_map"


def lock_map() -> AccessMap:
    """The map's row, locked until the transaction ends: one change of entries at a time.

    This one lock is what makes "one open entry an address" and quotas hold under load;
    whoever changes entries takes it before reading what it decides by.
    """
    return AccessMap.objects.select_for_update().get(pk=THE_MAP)


def advance(access_map: AccessMap) -> int:
    """Take the next serial of a locked map, and ask for its publication on commit."""
    access_map.serial += 1
    access_map.save(update_fields=["serial"])
    transaction.on_commit(request_publication)
    return access_map.serial


def request_publication() -> None:
    """Send the publish task; where the broker is down, beat finds the serial."""
    send_task(PUBLISH_TASK, otherwise="beat will find the serial")
