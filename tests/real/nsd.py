"""A private NSD."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.real.name_servers import HOST, NameServer, private
from tests.real.zones import Zone, keys_of

SERVER = """\
server:
    ip-address: 127.0.0.1@{port}
    do-ip6: no
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    zonelistfile: "{folder}/state/zone.list"
    xfrdfile: ""
    xfrdir: "{folder}/state"
    pidfile: ""
    server-count: 1
    rrl-ratelimit: 0
    zonefiles-write: 0
    verbosity: 1
remote-control:
    control-enable: no
"""


class Nsd(NameServer):
    """NSD: NOTIFY goes by UDP."""

    program = "nsd"
    package = "nsd"

    def arguments(self, configuration: Path) -> list[str]:
        return ["-d", "-c", str(configuration)]

    def configuration(self, port: int) -> str:
        keys = [
            f'key:\n    name: "{key.name}"\n    algorithm: {key.algorithm}\n'
            f'    secret: "{key.secret}"\n'
            for key in keys_of(self.zones)
        ]
        head = SERVER.format(folder=self.folder, port=port)
        return "".join([head, *keys, *map(self._zone, self.zones)])

    def _zone(self, zone: Zone) -> str:
        may = [key.name for key in zone.readers] + ["NOKEY"] * zone.anyone
        signed = zone.notify_key.name if zone.notify_key else "NOKEY"
        history = "yes" if zone.incremental else "no"
        lines = [
            "zone:",
            f'name: "{zone.name}"',
            f'zonefile: "{self.file(zone)}"',
            f"store-ixfr: {history}",
            f"create-ixfr: {history}",
            *(f"provide-xfr: 127.0.0.0/8 {key}" for key in may),
            *(f"notify: {HOST}@{port} {signed}" for port in zone.notify),
        ]
        return "\n    ".join(lines) + "\n"


def private_nsd(*zones: Zone, clock: str = "") -> AbstractContextManager[Nsd]:
    return private(Nsd, zones, clock)
