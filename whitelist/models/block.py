"""Who or what may not be whitelisted, and until when."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from whitelist.addresses import AddressError, IPAddress, order_key, parse_address, parse_network


class BlockKind(models.TextChoices):
    ADDRESS = "address", _("Address or network")
    PERSON = "person", _("Person")


class BlockQuerySet(models.QuerySet["Block"]):
    def in_force(self, at: datetime) -> BlockQuerySet:
        return self.filter(Q(until__isnull=True) | Q(until__gt=at), lifted_at__isnull=True)

    def of_address(self, address: IPAddress) -> BlockQuerySet:
        key = order_key(address)
        return self.filter(kind=BlockKind.ADDRESS, family=address.version, lo__lte=key, hi__gte=key)

    def of_person(self, subject: str) -> BlockQuerySet:
        return self.filter(kind=BlockKind.PERSON, subject=subject)


class Block(models.Model):
    """A suspension by staff of an address, a network or a person.

    `subject` is the account, or the address or CIDR in canonical form. The member sees
    `case_number` and the messages; `reason` stays inside.
    """

    kind = models.CharField(_("kind"), max_length=10, choices=BlockKind)
    subject = models.CharField(
        _("address, CIDR or account"),
        max_length=64,
        help_text=_("140.114.64.154, 140.114.64.0/24 or an account"),
    )
    family = models.PositiveSmallIntegerField(editable=False, null=True)
    lo = models.CharField(max_length=32, editable=False, blank=True)
    hi = models.CharField(max_length=32, editable=False, blank=True)
    since = models.DateTimeField(_("since"), auto_now_add=True)
    until = models.DateTimeField(
        _("until"), null=True, blank=True, help_text=_("Empty: until somebody lifts it")
    )
    case_number = models.CharField(_("case number"), max_length=40, blank=True)
    reason = models.CharField(_("reason (for staff)"), max_length=300)
    message_zh = models.CharField(_("message to the member (Chinese)"), max_length=300, blank=True)
    message_en = models.CharField(_("message to the member (English)"), max_length=300, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True, editable=False)

    objects = BlockQuerySet.as_manager()

    class Meta:
        verbose_name = _("block")
        verbose_name_plural = _("blocks")
        ordering = ["-since"]
        indexes = [
            # rules.suspended_address
            models.Index(
                fields=["family", "lo", "hi"],
                condition=Q(lifted_at__isnull=True),
                name="block_by_address",
            ),
            # rules.suspended_person
            models.Index(
                fields=["kind", "subject"],
                condition=Q(lifted_at__isnull=True),
                name="block_by_subject",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="person", family__isnull=True)
                | (Q(kind="address", family__isnull=False) & ~Q(lo="") & ~Q(hi="")),
                name="block_address_has_bounds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"

    def clean(self) -> None:
        try:
            self.set_bounds()
        except AddressError as error:
            raise ValidationError({"subject": str(error)}) from error

    def set_bounds(self) -> None:
        """Canonical subject, and the columns that searches use.

        Raises `AddressError` where an address block names no address.
        """
        self.subject = self.subject.strip()
        self.family, self.lo, self.hi = None, "", ""
        if self.kind == BlockKind.PERSON:
            return
        if "/" in self.subject:
            network = parse_network(self.subject)
            first, last = network.network_address, network.broadcast_address
            self.subject = str(network)
        else:
            first = last = parse_address(self.subject)
            self.subject = str(first)
        self.family, self.lo, self.hi = first.version, order_key(first), order_key(last)
