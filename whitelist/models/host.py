"""Registered names of addresses, and how they came and went."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from whitelist.models.fields import AddressField
from whitelist.models.zone import Zone


class HostQuerySet(models.QuerySet["Host"]):
    def in_force(self, at: datetime) -> HostQuerySet:
        """Without the entries of staff whose end has come."""
        return self.filter(Q(until__isnull=True) | Q(until__gt=at))


class Host(models.Model):
    """One name of one address, as one zone states it (up to a million rows).

    `name` is lower case, without the final dot. `first_seen_at` is empty where the name was
    there when the zone was first loaded. `reason` and `until` are for entries by staff.
    """

    # The unique constraint begins with the zone: an index of its own would only slow a sync.
    zone = models.ForeignKey(
        Zone,
        on_delete=models.CASCADE,
        related_name="hosts",
        db_index=False,
        verbose_name=_("zone"),
    )
    address = AddressField(_("IP address"))
    name = models.CharField(_("domain name"), max_length=253)
    unit = models.CharField(_("unit"), max_length=100, blank=True)
    contact = models.CharField(_("contact"), max_length=200, blank=True)
    first_seen_at = models.DateTimeField(_("first seen"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="", db_default="")
    until = models.DateTimeField(_("valid until"), null=True, blank=True)

    objects = HostQuerySet.as_manager()

    class Meta:
        verbose_name = _("host")
        verbose_name_plural = _("hosts")
        constraints = [
            models.UniqueConstraint(fields=["zone", "address", "name"], name="host_unique_in_zone"),
        ]
        indexes = [
            # registry.lookup
            models.Index(fields=["address"], name="host_by_address"),
            # the admin's search by the beginning of a name, and registry.lookup's series; without
            # the operator class PostgreSQL would read the whole table for the first
            models.Index(fields=["name"], name="host_by_name", opclasses=["varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


class HostChange(models.Model):
    """One name that an address got or lost, after the first loading of its zone."""

    zone = models.ForeignKey(
        Zone, on_delete=models.CASCADE, related_name="changes", verbose_name=_("zone")
    )
    address = AddressField(_("IP address"))
    name = models.CharField(_("domain name"), max_length=253)
    added = models.BooleanField(_("added"))
    at = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("change of a host")
        verbose_name_plural = _("changes of hosts")
        ordering = ["-at", "-pk"]
        indexes = [
            # the history of one address
            models.Index(fields=["address", "-at"], name="host_change_by_address"),
            # what one sync changed; clean_up
            models.Index(fields=["zone", "-at"], name="host_change_by_zone"),
        ]

    def __str__(self) -> str:
        return f"{'+' if self.added else '-'} {self.name} ({self.address})"


class OmittedRecord(models.Model):
    """A record of a zone that registers nobody, as the zone has it now.

    The first few thousand of a zone, and more of those that `registry.aliases` asks for;
    `Zone.left_out` has the exact numbers by reason.
    `address` is the one that the record was evidently meant for, where that can be told.
    """

    zone = models.ForeignKey(
        Zone, on_delete=models.CASCADE, related_name="omitted_records", verbose_name=_("zone")
    )
    reason = models.CharField(_("why it is left out"), max_length=30)
    owner = models.TextField(_("owner"))
    type = models.CharField(_("type"), max_length=10)
    target = models.TextField(_("target"), blank=True)
    address = AddressField(_("IP address"), null=True, blank=True)

    class Meta:
        verbose_name = _("record that was left out")
        verbose_name_plural = _("records that were left out")
        ordering = ["pk"]
        indexes = [
            # registry.lookup: what is malformed about an address without a name
            models.Index(
                fields=["address"], condition=Q(address__isnull=False), name="omitted_by_address"
            ),
            # registry.aliases: the PTR records that an alias leads to
            models.Index(
                fields=["owner"], condition=Q(reason="wrong_tree"), name="omitted_pointer_by_owner"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner} {self.type} {self.target}"
