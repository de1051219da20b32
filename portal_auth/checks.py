"""What must hold before the portal's sign-in may run.

`simulator_conflict` is asked by the settings themselves, so importing this module
must not need them.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

from portal_auth.issuers import IssuersError, IssuersFile


def simulator_conflict(simulator: bool, debug: bool, scheme: str, hostname: str) -> str | None:
    """Why the portal simulator cannot be on here, in one sentence; None when nothing is wrong.

    It signs anybody in, so it may be on only where DEBUG is, or where the service is
    reached by plain http on a loopback host.
    """
    if not simulator or debug or (scheme == "http" and loopback(hostname)):
        return None
    return (
        f"the portal simulator signs anybody in; it can be on only with DEBUG, "
        f"or with BASE_URL plain http on a loopback host, not {scheme}://{hostname}"
    )


def loopback(hostname: str) -> bool:
    """Whether a URL's host (brackets already gone) can only be this machine."""
    if hostname.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def check_simulator(**_: Any) -> list[checks.CheckMessage]:
    """The settings refuse this at the start; the check holds also where they were overridden."""
    url = urlsplit(settings.BASE_URL)
    conflict = simulator_conflict(
        settings.PORTAL_SIMULATOR, settings.DEBUG, url.scheme, url.hostname or ""
    )
    if conflict is None:
        return []
    return [checks.Error(conflict, hint="Set PORTAL_SIMULATOR=off.", id="portal_auth.E001")]


def check_issuers_file(**_: Any) -> list[checks.CheckMessage]:
    file = settings.PORTAL_ISSUERS_FILE
    try:
        empty = file is not None and not IssuersFile().issuers(file)
        why = f"{file}: issuers is empty" if empty else ""
    except IssuersError as error:
        why = str(error)
    if not why:
        return []
    return [
        checks.Error(
            f"PORTAL_ISSUERS_FILE: {why}", hint="See docs/portal.md.", id="portal_auth.E002"
        )
    ]


def check_issuer_configured(**_: Any) -> list[checks.CheckMessage]:
    if settings.PORTAL_ISSUERS_FILE is not None:
        return []  # check_issuers_file looks into it
    return [
        checks.Warning(
            "no portal is configured, so no member can come in",
            hint="Set PORTAL_ISSUERS_FILE; see docs/portal.md.",
            id="portal_auth.W001",
        )
    ]
