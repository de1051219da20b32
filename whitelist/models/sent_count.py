"""What the relays say was sent under an entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class WhatWasSent:
    """Under one entry, over all relays and runs, as far as they report it."""

    messages: int = 0
    recipients: int = 0
    bounced: int = 0


class SentCountQuerySet(models.QuerySet["SentCount"]):
    def sums(self, entries: Any) -> dict[int, WhatWasSent]:
        """By the key of the entry, in one query; one of which no relay has told is missing.

        `entries`: keys, or a query for them.
        """
        rows = self.filter(entry__in=entries).order_by().values("entry")
        sums = rows.values_list("entry", Sum("messages"), Sum("recipients"), Sum("bounced"))
        return {entry: WhatWasSent(*map(int, counts)) for entry, *counts in sums}


class SentCount(models.Model):
    """What one run of one relay's agent has counted for one entry; never falls.

    What was sent under an entry is the sum over its rows. A relay that is removed leaves them.
    """

    entry = models.ForeignKey(
        "whitelist.WhitelistEntry",
        on_delete=models.CASCADE,
        related_name="sent_counts",
        verbose_name=_("entry"),
    )
    relay = models.ForeignKey(
        "whitelist.Relay",
        on_delete=models.SET_NULL,
        null=True,
        related_name="sent_counts",
        verbose_name=_("relay"),
    )
    run = models.CharField(max_length=64)
    messages = models.BigIntegerField(_("messages"), default=0)
    recipients = models.BigIntegerField(_("recipients"), default=0)
    bounced = models.BigIntegerField(_("bounced"), default=0)
    updated_at = models.DateTimeField(_("last report"))

    objects = SentCountQuerySet.as_manager()

    class Meta:
        verbose_name = _("what was sent")
        verbose_name_plural = _("what was sent")
        constraints = [
            models.UniqueConstraint(fields=["entry", "relay", "run"], name="sent_count_once_a_run"),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.recipients}"
