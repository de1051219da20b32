"""Links to the page about one address."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from whitelist.admin_display import ip


def address_url(address: str) -> str:
    return f"{reverse('admin:whitelist_address')}?{urlencode({'q': address})}"


def about_address(address: str | None) -> SafeString | str:
    """The address, as a link to all that is known of it; a dash for none."""
    if not address:
        return "–"
    return format_html('<a href="{}">{}</a>', address_url(address), ip(address))
