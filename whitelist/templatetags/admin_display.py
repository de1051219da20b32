"""Times and names in the back office's templates, spelled as in its lists."""

from __future__ import annotations

from django import template

from whitelist.admin_display import local, plural_name

register = template.Library()
register.filter("local_time", local)
register.filter("plural_name", plural_name)
