"""Registered names of addresses."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from whitelist.models.fields import AddressField
from whitelist.models.zone import Zone


class Host(models.Model):
    """One name of one address, as one zone states it (up to a million rows).

    `name` is lower case, without the final dot.
    """

    zone = models.ForeignKey(
        Zone, on_delete=models.CASCADE, related_name="hosts", verbose_name=_("zone")
    )
    address = AddressField(_("IP address"))
    name = models.CharField(_("domain name"), max_length=253)
    unit = models.CharField(_("unit"), max_length=100, blank=True)
    contact = models.CharField(_("contact"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("host")
        verbose_name_plural = _("hosts")
        constraints = [
            models.UniqueConstraint(fields=["zone", "address", "name"], name="host_unique_in_zone"),
        ]
        indexes = [
            # registry.lookup.check_registered
            models.Index(fields=["address"], name="host_by_address"),
            # the admin's search by the beginning of a name; without the operator class
            # PostgreSQL would read the whole table for it
            models.Index(fields=["name"], name="host_by_name", opclasses=["varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"
