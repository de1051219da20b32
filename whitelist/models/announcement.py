"""What staff tell everybody at the top of the pages, for a while."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from whitelist.models.staff_texts import InBothLanguages


class AnnouncementLevel(models.TextChoices):
    INFORMATION = "info", _("Information")
    WARNING = "warning", _("Warning")


class AnnouncementPages(models.TextChoices):
    ALL = "all", _("The menu and the whitelist’s pages")
    HOME = "home", _("The menu of the online services")
    WHITELIST = "whitelist", _("The pages of the SMTP IP whitelist")


class AnnouncementQuerySet(models.QuerySet["Announcement"]):
    def valid(self, at: datetime) -> AnnouncementQuerySet:
        return self.filter(Q(until__isnull=True) | Q(until__gt=at), since__lte=at)

    def on(self, page: str) -> AnnouncementQuerySet:
        """Those for `home`, or for `whitelist`."""
        return self.filter(pages__in=(AnnouncementPages.ALL, page))


class Announcement(InBothLanguages, models.Model):
    """A text at the top of pages from `since` until before `until`; warnings stand first."""

    text_zh = models.TextField(
        _("text (Chinese)"),
        max_length=1000,
        help_text=_("Plain text; an empty line begins a paragraph."),
    )
    text_en = models.TextField(_("text (English)"), max_length=1000)
    level = models.CharField(
        _("level"),
        max_length=10,
        choices=AnnouncementLevel,
        default=AnnouncementLevel.INFORMATION,
    )
    pages = models.CharField(
        _("pages"), max_length=10, choices=AnnouncementPages, default=AnnouncementPages.ALL
    )
    since = models.DateTimeField(_("from"), default=timezone.now)
    until = models.DateTimeField(
        _("until"), null=True, blank=True, help_text=_("Empty: until somebody takes it down")
    )

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering = ["-level", "-since", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("since")),
                name="announcement_ends_after_it_begins",
                violation_error_message=_("It has to end after it begins."),
            ),
        ]

    def __str__(self) -> str:
        return Truncator(self.text).chars(60)

    @property
    def text(self) -> str:
        return self.in_language("text")

    @property
    def is_warning(self) -> bool:
        return self.level == AnnouncementLevel.WARNING
