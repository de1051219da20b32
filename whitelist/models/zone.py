"""Where registered names come from."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ZoneKind(models.TextChoices):
    FORWARD = "forward", _("Forward zone (name to address)")
    REVERSE = "reverse", _("Reverse zone (address to name)")
    LIST = "list", _("List (CSV file or staff)")


class Zone(models.Model):
    """One source of the registry: a DNS zone by its origin, or a list by its own name.

    A host of a forward or reverse zone is one half of the evidence; a host of a list is
    a registration that somebody stated, and stands by itself.
    """

    name = models.CharField(_("name"), max_length=255, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=ZoneKind)
    serial = models.BigIntegerField(_("SOA serial"), null=True, blank=True)
    loaded_at = models.DateTimeField(_("last loaded"), null=True, blank=True)

    class Meta:
        verbose_name = _("zone")
        verbose_name_plural = _("zones")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
