"""What suits regular bulk mail better than lifting a limit for an hour."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from whitelist.models.staff_texts import WEB_ADDRESS, InOrder


class Alternative(InOrder):
    """Shown by the help page, and wherever a member is told to wait. Without a URL: by name."""

    name_zh = models.CharField(_("name (Chinese)"), max_length=80)
    name_en = models.CharField(_("name (English)"), max_length=80)
    text_zh = models.CharField(
        _("description (Chinese)"),
        max_length=300,
        help_text=_("What it is good for, and who runs it."),
    )
    text_en = models.CharField(_("description (English)"), max_length=300)
    url = models.URLField(_("URL"), blank=True, validators=[WEB_ADDRESS])

    class Meta:
        verbose_name = _("alternative for bulk mail")
        verbose_name_plural = _("alternatives for bulk mail")
        ordering = ["position", "pk"]

    @property
    def text(self) -> str:
        return self.in_language("text")
