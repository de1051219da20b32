"""What workers run. Each is driven by rows, so that running it twice does no harm."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from portal_auth.redemption import do_purge_redeemed_tickets
from whitelist.addresses import parse_address
from whitelist.audit_chain import do_seal
from whitelist.entries import do_end_due_entries, do_review_registrations
from whitelist.letters import do_tell_owners
from whitelist.models.sync_run import SyncTrigger
from whitelist.notices.delivery import do_forget_notices, do_send_notices
from whitelist.registry.following.retention import do_forget_old
from whitelist.registry.following.schedule import do_send_due
from whitelist.registry.following.sync import do_requested_sync
from whitelist.registry.second_opinion import do_ask_live, zones_to_sync
from whitelist.relay_map import publish
from whitelist.relay_watch import do_watch_relays


@shared_task(name="whitelist.publish_access_map")
def publish_access_map() -> None:
    publish.publish_access_map()


@shared_task(name="whitelist.publish_if_owed")
def publish_if_owed() -> None:
    publish.publish_if_owed()


@shared_task(name="whitelist.end_due_entries")
def end_due_entries() -> None:
    do_end_due_entries(timezone.now())


@shared_task(name="whitelist.review_registrations")
def review_registrations() -> None:
    do_review_registrations(timezone.now())


@shared_task(name="whitelist.sync_due_zones")
def sync_due_zones() -> None:
    do_send_due(timezone.now())


@shared_task(name="whitelist.sync_zone")
def sync_zone(pk: int, trigger: str, actor: str = "", full: bool = False) -> None:
    do_requested_sync(pk, SyncTrigger(trigger), actor, full=full)


@shared_task(name="whitelist.second_opinion")
def second_opinion(address: str) -> None:
    """Ask the name servers about one address; where they know more than we do, sync."""
    asked = parse_address(address)
    answer = do_ask_live(asked, at=timezone.now(), keys_file=settings.DNS_KEYS_FILE)
    for zone in zones_to_sync(answer):
        do_requested_sync(zone.pk, SyncTrigger.SECOND_OPINION)


@shared_task(name="whitelist.send_notices")
def send_notices() -> None:
    do_send_notices(timezone.now())


@shared_task(name="whitelist.tell_owners")
def tell_owners() -> None:
    do_tell_owners(timezone.now())


@shared_task(name="whitelist.watch_relays")
def watch_relays() -> None:
    do_watch_relays(timezone.now())


@shared_task(name="whitelist.clean_up")
def clean_up() -> None:
    """Drop used tickets, old history and letters, stale captchas and dead sessions."""
    do_purge_redeemed_tickets(timezone.now())
    do_forget_old(timezone.now())
    do_forget_notices(timezone.now())
    call_command("captcha_clean", verbosity=0)
    call_command("clearsessions")


@shared_task(name="whitelist.seal_audit")
def seal_audit() -> None:
    do_seal(timezone.now())
