"""The campus's networks, and what kind of machine each holds."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import AddressError, IPAddress, order_key, parse_network


class NetworkKind(models.TextChoices):
    STATIC = "static", _("Static: machines have names")
    DHCP = "dhcp", _("DHCP pool")
    WIFI = "wifi", _("Wi-Fi")
    DORM = "dorm", _("Dormitory")
    NAT = "nat", _("Address translation (NAT)")
    VPN = "vpn", _("VPN")
    RESERVED = "reserved", _("Reserved")


class NetworkQuerySet(models.QuerySet["Network"]):
    def containing(self, address: IPAddress) -> NetworkQuerySet:
        """Networks that contain the address, most specific first.

        Valid because CIDRs nest. The two family bounds keep an IPv6 `::/0` from
        containing IPv4 addresses, which sort as IPv4-mapped ones.
        """
        key = order_key(address)
        return self.filter(family=address.version, lo__lte=key, hi__gte=key).order_by(
            "-lo", "-prefixlen"
        )


class Network(models.Model):
    """One CIDR of the campus: its kind, the unit that holds it, and whom to ask.

    `lo` and `hi` are the `order_key` of the first and last address.
    """

    cidr = models.CharField(_("CIDR"), max_length=49, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=NetworkKind)
    unit = models.CharField(_("unit"), max_length=100, blank=True)
    contact = models.CharField(
        _("contact"), max_length=200, blank=True, help_text=_("Name or e-mail of the network admin")
    )
    family = models.PositiveSmallIntegerField(_("IP version"), editable=False)
    prefixlen = models.PositiveSmallIntegerField(_("prefix length"), editable=False)
    lo = models.CharField(max_length=32, editable=False)
    hi = models.CharField(max_length=32, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = NetworkQuerySet.as_manager()

    class Meta:
        verbose_name = _("network")
        verbose_name_plural = _("networks")
        ordering = ["lo", "prefixlen"]
        indexes = [
            # registry.lookup.find_network, and the order of the admin's list
            models.Index(fields=["family", "-lo", "-prefixlen"], name="network_longest_prefix"),
        ]

    def __str__(self) -> str:
        return self.cidr

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Derived columns of this row only: there is no way to store a CIDR without its bounds.
        self.set_bounds()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        try:
            self.cidr = str(parse_network(self.cidr.strip()))
        except AddressError as error:
            raise ValidationError({"cidr": str(error)}) from error

    def set_bounds(self) -> None:
        """Derive the columns that searches use from `cidr`, in its canonical spelling."""
        network = parse_network(self.cidr)
        self.cidr = str(network)
        self.family, self.prefixlen = network.version, network.prefixlen
        self.lo = order_key(network.network_address)
        self.hi = order_key(network.broadcast_address)
