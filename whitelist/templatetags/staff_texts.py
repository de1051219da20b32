"""What staff have entered for the pages: announcements, alternatives, the menu's lines."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from whitelist.models import Alternative, Announcement
from whitelist.templatetags.whitelist_times import minutes

register = template.Library()


@register.inclusion_tag("whitelist/parts/announcements.html", takes_context=True)
def announcements_on(context: template.Context, page: str) -> dict[str, Any]:
    """Those of `home` or `whitelist` that are valid now; a view may give others instead."""
    given = context.get("announcements")
    at = context.get("server_now") or timezone.now()
    rows = Announcement.objects.valid(at).on(page) if given is None else given
    return {"announcements": list(rows), "is_preview": context.get("is_preview")}


@register.simple_tag
def shown_alternatives() -> list[Alternative]:
    return list(Alternative.objects.filter(is_shown=True))


@register.filter
def with_term(text: str, term_minutes: int) -> str:
    """`{term}` in a text of staff, as the term is set now."""
    return text.replace("{term}", minutes(term_minutes))
