"""What workers run. Each is driven by rows, so that running it twice does no harm."""

from __future__ import annotations

from celery import shared_task
from django.core.management import call_command
from django.utils import timezone

from portal_auth.redemption import do_purge_redeemed_tickets
from whitelist.entries import do_end_due_entries
from whitelist.relay_map import publish


@shared_task(name="whitelist.publish_access_map")
def publish_access_map() -> None:
    publish.publish_access_map()


@shared_task(name="whitelist.publish_if_owed")
def publish_if_owed() -> None:
    publish.publish_if_owed()


@shared_task(name="whitelist.end_due_entries")
def end_due_entries() -> None:
    do_end_due_entries(timezone.now())


@shared_task(name="whitelist.clean_up")
def clean_up() -> None:
    """Drop used tickets, stale captchas and dead sessions."""
    do_purge_redeemed_tickets(timezone.now())
    call_command("captcha_clean", verbosity=0)
    call_command("clearsessions")
