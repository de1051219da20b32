"""The outbox of the relay's map: which serial is wanted, which one is published."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

THE_MAP = 1


class AccessMap(models.Model):
    """One row. `serial` rises with every change of an entry, in that change's transaction.

    `published_serial` follows when the table holds it. Where the two differ, a publication is
    owed: whatever was lost in between (a broker, a worker), beat finds it here.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_MAP, editable=False)
    serial = models.BigIntegerField(_("serial"), default=0)
    published_serial = models.BigIntegerField(_("published serial"), default=0)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    entries = models.PositiveIntegerField(_("entries in the table"), default=0)

    class Meta:
        verbose_name = _("access map")
        verbose_name_plural = _("access map")
        constraints = [
            models.CheckConstraint(condition=models.Q(id=THE_MAP), name="access_map_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.published_serial} / {self.serial}"
