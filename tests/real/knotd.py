"""A private Knot DNS."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.real.name_servers import HOST, NameServer, private
from tests.real.zones import Key, Zone, keys_of

SERVER = """\
server:
    rundir: "{folder}"
    pidfile: "{folder}/pid"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{folder}/state"
    journal-db-max-size: 500M
control:
    listen: "{folder}/control"
log:
  - target: stderr
    any: info
"""


class Knotd(NameServer):
    """Knot: NOTIFY goes by TCP; without a key a transfer ends in NOTAUTH."""

    program = "knotd"
    package = "knot"

    def arguments(self, configuration: Path) -> list[str]:
        return ["-c", str(configuration)]

    def configuration(self, port: int) -> str:
        keys = keys_of(self.zones)
        parts = [SERVER.format(folder=self.folder, port=port)]
        parts += ["key:\n", *map(key_entry, keys)] if keys else []
        parts += ["acl:\n", *(f"{acl(key)}    key: {key.name}\n" for key in keys), acl(None)]
        # A remote is a port and a key
        remotes = {
            (port, zone.notify_key): remote(port, zone.notify_key)
            for zone in self.zones
            for port in zone.notify
        }
        parts += ["remote:\n", *remotes.values()] if remotes else []
        return "".join([*parts, "zone:\n", *map(self._zone, self.zones)])

    def _zone(self, zone: Zone) -> str:
        may = [acl_id(key) for key in zone.readers] + ["anyone"] * zone.anyone
        told = [remote_id(port, zone.notify_key) for port in zone.notify]
        return (
            f'  - domain: "{zone.name}."\n'
            f'    file: "{self.file(zone)}"\n'
            f"    zonefile-load: {'difference' if zone.incremental else 'whole'}\n"
            f"    journal-content: {'changes' if zone.incremental else 'none'}\n"
            "    zonefile-sync: -1\n"
            "    semantic-checks: off\n"
            + (f"    acl: [{', '.join(may)}]\n" if may else "")
            + (f"    notify: [{', '.join(told)}]\n" if told else "")
        )


def key_entry(key: Key) -> str:
    return f"  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {key.secret}\n"


def acl_id(key: Key | None) -> str:
    return f"of-{key.name}" if key else "anyone"


def acl(key: Key | None) -> str:
    return f"  - id: {acl_id(key)}\n    address: 127.0.0.0/8\n    action: transfer\n"


def remote_id(port: int, key: Key | None) -> str:
    return f"to-{port}-{key.name}" if key else f"to-{port}"


def remote(port: int, key: Key | None) -> str:
    signed = f"    key: {key.name}\n" if key else ""
    return f"  - id: {remote_id(port, key)}\n    address: {HOST}@{port}\n{signed}"


def private_knotd(*zones: Zone, clock: str = "") -> AbstractContextManager[Knotd]:
    return private(Knotd, zones, clock)
