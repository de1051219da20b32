"""`manage.py portal_ticket`: a ticket, signed with a development key."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils import timezone

from portal_auth.checks import simulator_conflict
from portal_auth.development_key import development_key
from portal_auth.issuers import SIMULATOR_KID, simulator_issuer
from portal_auth.minting import Member, PrivateKey, mint, ticket_claims

HELP = """Mint a portal hand-off ticket with a development key and print it.

Standard output is the ticket alone (with --url, the address to open), so that it can be
piped; a summary goes to standard error. Without --key it is signed with the key of the
portal simulator, which is made when there is none. Refuses in production settings.

  manage.py portal_ticket --sub A123 --role staff --status 一般 --url
"""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--sub", required=True, help="account id at the portal, 1 to 64 characters")
        add("--role", required=True, help="staff or student")
        add("--status", required=True, help="the portal's word: 一般, 校, 復, …")
        add("--name", default="", help="name of the person")
        add("--unit", default="", help="unit of the person")
        add("--email", default="", help="e-mail address of the person")
        add("--iss", help="issuer (default: the simulator)")
        add("--aud", help="audience (default: BASE_URL)")
        add("--auth-time-ago", type=int, default=0, metavar="SECONDS", help="signed in so long ago")
        add("--iat-ago", type=int, default=0, metavar="SECONDS", help="ticket issued so long ago")
        add("--lifetime", type=int, default=120, metavar="SECONDS", help="exp − iat (default: 120)")
        add("--key", type=Path, metavar="FILE", help="private key in PEM form (Ed25519 or RSA)")
        add("--kid", help=f"key id (default: {SIMULATOR_KID})")
        add("--url", action="store_true", help="print the whole address of the entry")

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_in_production()
        key = private_key(options["key"])
        claims = self.claims(options)
        token = mint(claims, key, kid=options["kid"] or SIMULATOR_KID)
        self.stdout.write(entry_url(token) if options["url"] else token)
        self.stderr.write(
            f"ticket for {options['sub']} ({options['role']}, {options['status']}), "
            f"good for {options['lifetime'] - options['iat_ago']} s, "
            f"iss {claims['iss']}, aud {claims['aud']}"
        )
        if not settings.PORTAL_SIMULATOR and options["key"] is None:
            self.stderr.write("PORTAL_SIMULATOR is off here, so this service does not accept it")

    def claims(self, options: dict[str, Any]) -> dict[str, Any]:
        simulator = simulator_issuer()
        issued_at = timezone.now() - timedelta(seconds=options["iat_ago"])
        signed_in_ago = max(options["auth_time_ago"], options["iat_ago"])
        member = Member(
            subject=options["sub"],
            role=options["role"],
            status=options["status"],
            name=options["name"],
            unit=options["unit"],
            email=options["email"],
        )
        return ticket_claims(
            member,
            iss=options["iss"] or simulator.iss,
            aud=options["aud"] or simulator.aud,
            issued_at=issued_at,
            signed_in_at=timezone.now() - timedelta(seconds=signed_in_ago),
            lifetime=timedelta(seconds=options["lifetime"]),
        )


def refuse_in_production() -> None:
    url = urlsplit(settings.BASE_URL)
    if simulator_conflict(True, settings.DEBUG, url.scheme, url.hostname or ""):
        raise CommandError(
            "this is a production installation: a ticket comes from the campus portal alone"
        )


def private_key(file: Path | None) -> PrivateKey:
    try:
        if file is None:
            return development_key(settings.VAR_DIR)
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(f"cannot read the key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey | RSAPrivateKey):
        raise CommandError(f"{file} is neither an Ed25519 nor an RSA key")
    return key


def entry_url(token: str) -> str:
    return f"{settings.BASE_URL}{reverse('portal_auth:enter')}?{urlencode({'ticket': token})}"
