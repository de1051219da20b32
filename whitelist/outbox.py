"""The map serial: how a change of entries reaches the relay, whatever fails in between.

A change takes the next serial in its own transaction. The task that is sent on commit is a
hint that makes it fast; the row is what makes it sure, since beat looks for serials that
nobody has published.
"""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from whitelist.models.access_map import THE_MAP, AccessMap

log = logging.getLogger(__name__)

PUBLISH_TASK = "whitelist.publish_access_map"
# A request waits for the broker this long at most, in seconds; and it asks once.
PATIENCE = 0.4
ASK_ONCE = {"max_retries": 0, "socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}


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
    """Send the publish task. A broker that is down costs half a second and loses nothing.

    The connection is its own: Celery's pooled ones wait and retry as suits a worker.
    """
    options = {**current_app.conf.broker_transport_options, **ASK_ONCE}
    try:
        with current_app.connection_for_write(
            connect_timeout=PATIENCE, transport_options=options
        ) as connection:
            current_app.send_task(PUBLISH_TASK, connection=connection, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("publish task not sent, beat will find the serial: %s", error)
