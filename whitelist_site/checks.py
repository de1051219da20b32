"""System checks of the settings: what is understood, and yet cannot work together."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks


def check_https_is_seen(**_: Any) -> list[checks.CheckMessage]:
    """TLS ends at the proxy: unless it is believed, every request looks like plain http."""
    if not settings.SECURE_SSL_REDIRECT or settings.TRUSTED_PROXIES:
        return []
    return [
        checks.Warning(
            "BASE_URL is https, but TRUSTED_PROXIES is empty: no proxy is believed that a request "
            "came by https, so every page redirects to itself for ever",
            hint="Set TRUSTED_PROXIES to the address of the proxy that ends TLS.",
            id="whitelist_site.W001",
        )
    ]
