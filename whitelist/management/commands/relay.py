"""`manage.py relay`: the relays that follow this service, and the keys that they pin."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import override

from whitelist.management.base import DatabaseCommand
from whitelist.models.access_map import AccessMap
from whitelist.models.relay import Relay
from whitelist.models.service_settings import ServiceSettings
from whitelist.registry.import_files import this_user
from whitelist.relay_map.signing_key import SigningKeyError, signing_keys
from whitelist.relays import LocalRelayError, do_add_relay, do_remove_relay, do_rotate_token

NAMED = {
    "add": "let a relay follow; prints its token, once",
    "rotate": "give a relay a new token, printed once; the old one is void",
    "remove": "forget a relay, and void its token",
}


class Command(DatabaseCommand):
    help = (
        "Relays that follow this service. A token is printed once and kept as a digest alone: put"
        " it where the relay's agent reads it. The lines of `key` go into its configuration."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(
            dest="action", required=True, metavar="ACTION", help="add, list, rotate, remove or key"
        )
        parsers = {action: actions.add_parser(action, help=text) for action, text in NAMED.items()}
        for named in parsers.values():
            named.add_argument("name", help="the relay's name")
        parsers["add"].add_argument(
            "--uncounted",
            action="store_true",
            help="do not wait for it yet: entries take effect without it until staff let it count",
        )
        actions.add_parser("list", help="one line a relay: state, serial, last report, version")
        actions.add_parser("key", help="the public keys of the snapshots, one line each to pin")

    def handle(self, *_args: Any, **options: Any) -> None:
        with override("en"):  # as every other line that a command says
            try:
                self.act(options["action"], options)
            except ValidationError as error:
                why = " ".join(error.messages)
                raise CommandError(f"relay: {options['name']}: {why}") from error
            except (LocalRelayError, SigningKeyError) as error:
                raise CommandError(f"relay: {error}") from error

    def act(self, action: str, options: dict[str, Any]) -> None:
        if action == "add":
            self.add(options["name"], not options["uncounted"])
        elif action in NAMED:
            getattr(self, action)(options["name"])
        else:
            getattr(self, f"show_{action}")()

    def add(self, name: str, is_active: bool) -> None:
        relay, token = do_add_relay(name, is_active, actor=this_user(), at=timezone.now())
        self.stdout.write(f"Added the relay {relay}. Its token, shown this once: {token}")

    def rotate(self, name: str) -> None:
        relay = found(name)
        token = do_rotate_token(relay, actor=this_user(), at=timezone.now())
        self.stdout.write(
            f"The old token of {relay} is void. The new one, shown this once: {token}"
        )

    def remove(self, name: str) -> None:
        relay = found(name)
        do_remove_relay(relay, actor=this_user(), at=timezone.now())
        self.stdout.write(f"Removed the relay {name}; its token is void.")

    def show_list(self) -> None:
        now, silence = timezone.now(), ServiceSettings.load().relay_silence
        wanted = AccessMap.objects.get().serial
        for relay in Relay.objects.all():
            words = [relay.name, relay.state(wanted, now, silence).value]
            words += [
                f"serial={relay.installed_serial}/{wanted}",
                f"version={relay.version or '-'}",
            ]
            words.append(f"reported={at.isoformat() if (at := relay.reported_at) else '-'}")
            words.append("counts" if relay.is_active else "does not count")
            self.stdout.write("  ".join(words))

    def show_key(self) -> None:
        for key in signing_keys():
            self.stdout.write(key.pin)


def found(name: str) -> Relay:
    relay = Relay.objects.filter(name=name).first()
    if relay is None:
        known = ", ".join(Relay.objects.values_list("name", flat=True))
        raise CommandError(f"relay: there is no relay {name}; there are: {known}")
    return relay
