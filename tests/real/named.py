"""A private BIND."""

from __future__ import annotations

from contextlib import AbstractContextManager
from itertools import groupby
from pathlib import Path

from tests.real.name_servers import HOST, NameServer, private
from tests.real.zones import Key, Zone, key_file, keys_of

OPTIONS = """\
controls {{ }};
options {{
    directory "{folder}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    lock-file none;
    recursion no;
    empty-zones-enable no;
    dnssec-validation no;
    check-names primary ignore;
    check-integrity no;
    allow-transfer {{ none; }};
    notify explicit;
    notify-delay 0;
    notify-rate 1000;
    startup-notify-rate 1000;
}};
"""


class Named(NameServer):
    """BIND: NOTIFY goes by UDP; knows views."""

    program = "named"
    package = "bind9"

    def arguments(self, configuration: Path) -> list[str]:
        return ["-g", "-4", "-n", "1", "-c", str(configuration)]

    def configuration(self, port: int) -> str:
        head = OPTIONS.format(folder=self.folder, port=port) + key_file(*keys_of(self.zones))
        if not any(zone.view for zone in self.zones):
            return head + "".join(map(self._zone, self.zones))
        # The first view that matches answers: the one for everybody comes last.
        zones = sorted(self.zones, key=lambda zone: (zone.anyone, zone.view))
        views = groupby(zones, key=lambda zone: zone.view)
        return head + "".join(self._view(view, list(members)) for view, members in views)

    def _view(self, view: str, zones: list[Zone]) -> str:
        clients = signed_by([key for zone in zones for key in zone.readers])
        match = "any;" if any(zone.anyone for zone in zones) else clients
        content = "".join(map(self._zone, zones))
        return f'view "{view or "others"}" {{\nmatch-clients {{ {match} }};\n{content}}};\n'

    def _zone(self, zone: Zone) -> str:
        file = self.file(zone)
        allowed = "any;" if zone.anyone else signed_by(zone.readers) or "none;"
        key = f' key "{zone.notify_key.name}"' if zone.notify_key else ""
        told = "".join(f"{HOST} port {port}{key}; " for port in zone.notify)
        lines = [
            f'zone "{zone.name}" {{',
            f'type primary; file "{file}"; journal "{self.state / file.stem}.jnl";',
            f"ixfr-from-differences {'yes' if zone.incremental else 'no'};",
            f"allow-transfer {{ {allowed} }};",
            f"also-notify {{ {told}}};" if told else "",
            "};",
        ]
        return "\n".join(lines) + "\n"


def signed_by(keys: list[Key] | tuple[Key, ...]) -> str:
    """An address match list."""
    return " ".join(f'key "{key.name}";' for key in dict.fromkeys(keys))


def private_named(*zones: Zone, clock: str = "") -> AbstractContextManager[Named]:
    return private(Named, zones, clock)
