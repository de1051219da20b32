"""Which units a network admin looks after."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class UnitMembership(models.Model):
    """A user of the back office who sees the networks of one unit, and nothing else.

    `unit` is the text that the unit's networks carry. Who has one membership or more is
    confined to them, whatever groups say; a superuser never is.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="unit_memberships",
        verbose_name=_("user"),
    )
    unit = models.CharField(_("unit"), max_length=100)

    class Meta:
        verbose_name = _("unit of a network admin")
        verbose_name_plural = _("units of network admins")
        ordering = ["user", "unit"]
        constraints = [
            models.UniqueConstraint(fields=["user", "unit"], name="unit_membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.unit}"
