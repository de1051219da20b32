"""What texts of staff have in common: two languages, a place in a list, addresses of the web."""

from __future__ import annotations

from django.core.validators import URLValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

WEB_ADDRESS = URLValidator(schemes=["http", "https"])


class InBothLanguages:
    """For models whose texts stand in a field a language: `text_zh`, `text_en`."""

    def in_language(self, stem: str) -> str:
        """The text `stem` in the language of this request: `pause_message`, `contact_hours`."""
        text: str = getattr(self, f"{stem}_{'en' if get_language() == 'en' else 'zh'}")
        return text


class InOrder(InBothLanguages, models.Model):
    """A named row of a list that members see."""

    position = models.PositiveSmallIntegerField(
        _("position"), default=100, help_text=_("The smallest number stands first.")
    )
    is_shown = models.BooleanField(_("shown"), default=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.in_language("name")
