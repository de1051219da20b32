"""Names that addresses gain and lose, as a list that stays readable however long it is."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

Line = tuple[str, str, str]
SIGNS = {"+": ("added", "+"), "-": ("removed", "−")}


def host_rows(lines: Iterable[Line]) -> SafeString:
    """One line a name: sign (`+` or `-`), address, name."""
    rows = format_html_join(
        "",
        '<tr class="{}"><td class="sign">{}</td><td class="ip">{}</td><td>{}</td></tr>',
        ((*SIGNS[sign], address, name) for sign, address, name in lines),
    )
    return format_html(
        '<div class="hosts" tabindex="0"><table><tbody>{}</tbody></table></div>', rows
    )


def shown_of(shown: int, all_of_them: int) -> SafeString:
    """A paragraph that says how many of how many follow."""
    if shown >= all_of_them:
        text = _("All %(count)s:") % {"count": f"{shown:,}"}
    else:
        numbers = {"shown": f"{shown:,}", "count": f"{all_of_them:,}"}
        text = _("The first %(shown)s of %(count)s:") % numbers
    return format_html('<p class="quiet">{}</p>', text)
