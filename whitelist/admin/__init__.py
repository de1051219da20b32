"""The back office: one file a noun. Each page is a form, one `do_…`, a message, a redirect."""

from whitelist.admin import (
    access_map,
    accounts,
    audit,
    block,
    entry,
    host,
    network,
    redeemed_ticket,
    relay,
    schedules,
    service_settings,
    zone,
)

__all__ = [
    "access_map",
    "accounts",
    "audit",
    "block",
    "entry",
    "host",
    "network",
    "redeemed_ticket",
    "relay",
    "schedules",
    "service_settings",
    "zone",
]
