"""A letter to somebody, on its way or delivered."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class NoticeQuerySet(models.QuerySet["Notice"]):
    def waiting(self) -> NoticeQuerySet:
        return self.filter(sent_at__isnull=True, given_up_at__isnull=True)

    def due(self, at: datetime) -> NoticeQuerySet:
        return self.waiting().filter(next_try_at__lte=at)


class Notice(models.Model):
    """One letter, written in the transaction of what it tells, and delivered by a worker.

    `next_try_at` is when it is tried next; whoever tries moves it on first, so that two workers
    never deliver the same letter at once. `key` names the matter, for letters that are not to
    come again and again. `useful_until`: later it would only mislead, and is not delivered.
    """

    kind = models.CharField(_("kind"), max_length=40)
    key = models.CharField(max_length=200, blank=True)
    recipient = models.EmailField(_("recipient"))
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    entry = models.ForeignKey(
        "whitelist.WhitelistEntry",
        on_delete=models.SET_NULL,
        null=True,
        related_name="notices",
        verbose_name=_("entry"),
    )
    written_at = models.DateTimeField(_("written"))
    useful_until = models.DateTimeField(_("useful until"), null=True)
    next_try_at = models.DateTimeField(_("next attempt"))
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    sent_at = models.DateTimeField(_("delivered"), null=True)
    given_up_at = models.DateTimeField(_("given up"), null=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("e-mail notice")
        verbose_name_plural = _("e-mail notices")
        ordering = ["-written_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(given_up_at__isnull=True),
                name="notice_is_sent_or_given_up",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(sent_at__isnull=True, given_up_at__isnull=True),
                name="notice_waiting",
            ),
            models.Index(fields=["key", "-written_at"], name="notice_by_key"),
            models.Index(fields=["written_at"], name="notice_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.recipient}"

    @property
    def age_limit(self) -> datetime:
        """After this nobody needs it any more."""
        return self.useful_until or self.written_at + timedelta(days=1)

    def is_worthless(self, at: datetime) -> bool:
        return self.useful_until is not None and at >= self.useful_until
