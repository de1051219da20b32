"""The Celery application; `celery -A whitelist_site` finds it."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import worker_process_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whitelist_site.settings")

app = Celery("whitelist_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def leave_the_group(**_: object) -> None:
    """Supervisors signal a whole process group, which would end tasks in the middle.

    Only the worker itself is to hear it: it lets its children finish, and they end with it.
    """
    os.setpgid(0, 0)
