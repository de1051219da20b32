"""Sending tasks by name, so that whoever sends need not know who does them.

A message is a hint that makes things fast. What makes them sure is a row that beat looks at,
so that a broker which is down costs half a second and loses nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

# Whoever sends waits for the broker this long at most, in seconds; and it asks once.
PATIENCE = 0.4
ASK_ONCE = {"max_retries": 0, "socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}


def send_task(name: str, *arguments: Any, otherwise: str, expires: float | None = None) -> bool:
    """Send one task; whether it went. `otherwise` says in the log who makes up for it."""
    return send_tasks(name, [arguments], otherwise=otherwise, expires=expires) == 1


def send_tasks(
    name: str,
    calls: Iterable[tuple[Any, ...]],
    *,
    otherwise: str,
    expires: float | None = None,
) -> int:
    """Send the task once for each tuple of arguments; how many went before the broker failed.

    The connection is its own: Celery's pooled ones wait and retry as suits a worker. A message
    that nobody took in `expires` seconds is worth nothing any more.
    """
    options = {**current_app.conf.broker_transport_options, **ASK_ONCE}
    sent = 0
    try:
        with current_app.connection_for_write(
            connect_timeout=PATIENCE, transport_options=options
        ) as connection:
            for arguments in calls:
                current_app.send_task(
                    name, args=arguments, connection=connection, retry=False, expires=expires
                )
                sent += 1
    except (OperationalError, OSError) as error:
        log.warning("task %s not sent, %s: %s", name, otherwise, error)
    return sent
