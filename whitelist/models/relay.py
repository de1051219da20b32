"""The relays that follow the map."""

from __future__ import annotations

from django.db import models
from django.db.models import Min
from django.utils.translation import gettext_lazy as _

LOCAL_RELAY = "local"


class RelayQuerySet(models.QuerySet["Relay"]):
    def active(self) -> RelayQuerySet:
        """The relays that count when we ask whether an entry is effective."""
        return self.filter(is_active=True)

    def installed_serial(self) -> int | None:
        """The serial that every active relay has reached; None when no relay is active."""
        serial: int | None = self.active().aggregate(least=Min("installed_serial"))["least"]
        return serial


class Relay(models.Model):
    """A mail relay, and the map serial that it has installed.

    The relay named `local` is this machine's own table, written by the publish task.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    is_active = models.BooleanField(
        _("counts"),
        default=True,
        help_text=_("An entry is effective when every relay that counts has it"),
    )
    installed_serial = models.BigIntegerField(_("installed serial"), default=0)
    reported_at = models.DateTimeField(_("last report"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True)

    objects = RelayQuerySet.as_manager()

    class Meta:
        verbose_name = _("relay")
        verbose_name_plural = _("relays")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
