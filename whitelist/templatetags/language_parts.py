"""Chinese words on an English page, marked as such: a screen reader changes its voice there."""

from __future__ import annotations

import re

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

register = template.Library()

HAN = re.compile(r"[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")


@register.filter
def chinese_marked(text: str) -> SafeString:
    """The text, escaped; on a page that is not Chinese its Chinese words have their language."""
    escaped = conditional_escape(text)
    if (get_language() or "").startswith("zh"):
        return escaped
    marked = HAN.sub(lambda word: f'<span lang="zh-Hant">{word[0]}</span>', escaped)
    return mark_safe(marked)  # noqa: S308  escaped above
