"""Texts in the language of the request, where gettext does not help."""

from __future__ import annotations

from django import template
from django.utils.translation import get_language

from whitelist.models import Block, ServiceSettings

register = template.Library()


@register.simple_tag
def contact_hours(service: ServiceSettings) -> str:
    return service.in_language("contact_hours")


@register.simple_tag
def pause_message(service: ServiceSettings) -> str:
    return service.in_language("pause_message")


@register.simple_tag
def block_message(block: Block) -> str:
    """What staff wrote to the member; the other language where this one is empty."""
    texts = [block.message_zh, block.message_en]
    if get_language() == "en":
        texts.reverse()
    return texts[0] or texts[1]


@register.simple_tag
def gap() -> str:
    """What stands between two sentences: a space in English, nothing in Chinese."""
    return " " if get_language() == "en" else ""
