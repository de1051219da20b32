"""An e-mail address so that its owner knows it, and who looks over a shoulder does not."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def masked(email: str) -> str:
    """`s***1@example.edu.tw`; always as many stars, which tell no length."""
    name, at, domain = email.rpartition("@")
    return f"{name[:1]}***{name[-1:] if len(name) > 3 else ''}{at}{domain}"
