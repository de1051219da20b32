"""What an audit record changed, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from whitelist.admin_display import local

Row = tuple[str, str, str, bool]


def difference_table(
    before: dict[str, Any] | None, after: dict[str, Any] | None, names: dict[str, str]
) -> SafeString | str:
    """A table of what was and what is, changed lines marked; a dash where neither is known."""
    rows = list(differences(before or {}, after or {}, names))
    if not rows:
        return "–"
    body = format_html_join(
        "",
        '<tr class="{}"><th scope="row">{}</th><td>{}</td><td>{}</td></tr>',
        (("changed" if changed else "same", name, old, new) for name, old, new, changed in rows),
    )
    return format_html(
        '<table class="diff"><thead><tr><th scope="col">{}</th><th scope="col">{}</th>'
        '<th scope="col">{}</th></tr></thead><tbody>{}</tbody></table>',
        _("Field"),
        _("Before"),
        _("After"),
        body,
    )


def differences(
    before: dict[str, Any], after: dict[str, Any], names: dict[str, str]
) -> Iterable[Row]:
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        yield names.get(key, key), readable(old), readable(new), old != new


def readable(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return local(parsed) if (parsed := as_datetime(value)) else str(value)


def as_datetime(value: Any) -> datetime | None:
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if timezone.is_aware(at) else None
