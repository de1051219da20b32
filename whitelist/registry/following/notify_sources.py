"""Who may notify us: the servers that zones are transferred from, and their keys."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import dns.name
import dns.tsig

from whitelist.models.zone import Zone, ZoneSource
from whitelist.registry.following.notify import Known, NotifiedZone
from whitelist.registry.name_servers.keys import Key, read_keys


def known_zones(keys_file: Path | None) -> Known:
    """As it is now. Raises `OSError` and `KeyFileError` where the keys cannot be read."""
    keys = read_keys(keys_file.read_text(encoding="utf-8")) if keys_file else {}
    zones: dict[str, list[NotifiedZone]] = defaultdict(list)
    for zone in Zone.objects.filter(source=ZoneSource.SERVERS).prefetch_related("servers"):
        servers = zone.servers.all()
        zones[zone.name].append(
            NotifiedZone(
                zone.pk,
                frozenset(server.address for server in servers),
                frozenset(server.key_name for server in servers if server.key_name),
            )
        )
    return Known(zones, {dns.name.from_text(key.name): tsig_key(key) for key in keys.values()})


def tsig_key(key: Key) -> dns.tsig.Key:
    return dns.tsig.Key(dns.name.from_text(key.name), key.secret, key.algorithm)
