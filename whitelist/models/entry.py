"""One exemption of one address, for one term."""

from __future__ import annotations

import re
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from whitelist.models.fields import AddressField

REFERENCE = re.compile(r"W-(\d{8})-(\d{4,})", re.ASCII)


class EndReason(models.TextChoices):
    EXPIRED = "expired", _("Ended on time")
    OWNER = "owner", _("Removed by its owner")
    STAFF = "staff", _("Ended by staff")
    SUSPENDED = "suspended", _("Suspended")
    REGISTRATION_LOST = "registration_lost", _("Registration lost")
    ELIGIBILITY_LOST = "eligibility_lost", _("Eligibility lost")
    TOO_MUCH = "too_much", _("Limit of the exemption reached")
    BOUNCED = "bounced", _("Too much was bounced")


class EntryQuerySet(models.QuerySet["WhitelistEntry"]):
    def open(self) -> EntryQuerySet:
        """Not closed yet; may have lapsed already, so never ask this what is exempt."""
        return self.filter(ended_at__isnull=True)

    def active(self, at: datetime) -> EntryQuerySet:
        """What the relay exempts at that moment: decided by the expiry."""
        return self.open().filter(expires_at__gt=at)

    def due(self, at: datetime) -> EntryQuerySet:
        """Lapsed, and not closed yet."""
        return self.open().filter(expires_at__lte=at)

    def of_person(self, issuer: str, subject: str) -> EntryQuerySet:
        return self.filter(requester_issuer=issuer, requester_subject=subject)


class WhitelistEntry(models.Model):
    """The right of one address to send without limit from `opened_at` until `expires_at`.

    Written by `whitelist.entries` only. `serial` is the map serial that carries the entry's
    latest change; it takes effect when every active relay has installed it. `ended_at` is set
    once, by whatever ends the entry; an entry that merely lapsed is not exempt either.
    """

    address = AddressField(_("IP address"))
    hostname = models.CharField(_("domain name"), max_length=253)
    unit = models.CharField(_("unit"), max_length=100, blank=True)
    requester_issuer = models.CharField(_("portal"), max_length=200)
    requester_subject = models.CharField(_("account"), max_length=64)
    requester_name = models.CharField(_("requester"), max_length=100, blank=True)
    requester_role = models.CharField(_("role"), max_length=20)
    requester_status = models.CharField(_("status at the portal"), max_length=20)
    requester_email = models.EmailField(_("e-mail address"), blank=True)
    requester_language = models.CharField(_("language"), max_length=10, blank=True)
    wants_letters = models.BooleanField(_("wants e-mail"), default=False)
    # the `effective_at` and the `expires_at` that letters have told of
    effect_told_for = models.DateTimeField(editable=False, null=True)
    end_told_for = models.DateTimeField(editable=False, null=True)
    opened_at = models.DateTimeField(_("requested"))
    expires_at = models.DateTimeField(_("valid until"))
    effective_at = models.DateTimeField(_("took effect"), null=True, blank=True)
    extensions = models.PositiveSmallIntegerField(_("extensions"), default=0)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    end_reason = models.CharField(_("end reason"), max_length=20, choices=EndReason, blank=True)
    end_note = models.CharField(_("note"), max_length=200, blank=True)
    serial = models.BigIntegerField(_("map serial"))
    registration_lost_at = models.DateTimeField(_("registration lost"), null=True, blank=True)
    # What `expires_at` was before the loss brought it forward, should the name come back.
    expiry_before_loss = models.DateTimeField(null=True, blank=True, editable=False)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("whitelist entry")
        verbose_name_plural = _("whitelist entries")
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["address"],
                condition=Q(ended_at__isnull=True),
                name="entry_one_open_per_address",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("opened_at")), name="entry_expires_after_it_opened"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, end_reason="")
                | (Q(ended_at__isnull=False, ended_at__gte=F("opened_at")) & ~Q(end_reason="")),
                name="entry_ends_once_with_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(registration_lost_at__isnull=True, expiry_before_loss__isnull=True)
                | Q(
                    registration_lost_at__isnull=False,
                    expiry_before_loss__isnull=False,
                    expiry_before_loss__gte=F("expires_at"),
                ),
                name="entry_loss_never_lengthens",
            ),
        ]
        indexes = [
            # publishing: what is active now; do_end_due_entries: what is due
            models.Index(
                fields=["expires_at"], condition=Q(ended_at__isnull=True), name="entry_open_expiry"
            ),
            # the page, quotas and history of one person
            models.Index(
                fields=["requester_issuer", "requester_subject", "-opened_at"],
                name="entry_by_person",
            ),
            # the page's "ended" state, and the admin's search by address
            models.Index(fields=["address", "-opened_at"], name="entry_by_address"),
            # acknowledge: which entries a newly installed serial makes effective
            models.Index(
                fields=["serial"],
                condition=Q(effective_at__isnull=True),
                name="entry_not_effective",
            ),
            # snapshots: what has changed since a serial
            models.Index(fields=["serial"], name="entry_by_serial"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.address}"

    @property
    def reference(self) -> str:
        """What a member reads to the help desk: `W-20261124-0137` (local day, row number)."""
        return f"W-{timezone.localtime(self.opened_at):%Y%m%d}-{self.pk:04d}"

    @staticmethod
    def pk_of_reference(text: str) -> int | None:
        """The row number in a reference, or None where the text is not one."""
        match = REFERENCE.fullmatch(text.strip())
        return int(match[2]) if match else None

    def is_active(self, at: datetime) -> bool:
        return self.ended_at is None and self.expires_at > at

    def is_of(self, issuer: str, subject: str) -> bool:
        return (self.requester_issuer, self.requester_subject) == (issuer, subject)

    @property
    def finished_at(self) -> datetime:
        """When the exemption ends or ended: a lapsed entry ended at its expiry."""
        return min(self.ended_at, self.expires_at) if self.ended_at else self.expires_at
