"""The scheduler of `celery beat`: as many as one likes may run, one sends."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django_celery_beat.schedulers import DatabaseScheduler

from whitelist_site.leadership import leadership

logger = logging.getLogger(__name__)

LOOK_AGAIN_AFTER = 1.0  # seconds


class LeaderScheduler(DatabaseScheduler):  # type: ignore[misc]  # django-celery-beat has no types
    """Sends what is due while it leads, and only waits while another does.

    A database that is away costs the lead, not the process. Tasks can be sent twice around
    a change of leaders, which does no harm: rows drive them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.leadership = leadership(settings.VAR_DIR / "beat.lock")
        self.leads = False
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Write nothing: the schedules are rows of a migration, which staff may edit."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Seconds until the next look."""
        held = self.leadership.held()
        if held != self.leads:
            self._change(held)
        if not held:
            return LOOK_AGAIN_AFTER
        try:
            wait: float = super().tick(*args, **kwargs)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database is away: %s", str(error).strip())
            self.step_down()
            return LOOK_AGAIN_AFTER
        return min(wait, LOOK_AGAIN_AFTER)

    def _change(self, leads: bool) -> None:
        self.leads = leads
        logger.info("this beat leads" if leads else "another beat leads, or nobody can")
        # What the leader before has sent since is in the database, not in this memory.
        self._dirty.clear()
        self._schedule = self._heap = self.old_schedulers = None
        self._initial_read = True

    def step_down(self) -> None:
        self.leadership.resign()
        self._change(leads=False)
        close_old_connections()

    def sync(self) -> None:
        if self.leads:
            super().sync()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self.leadership.resign()

    @property
    def info(self) -> str:
        return f"    . lead -> {type(self.leadership).__name__}"
