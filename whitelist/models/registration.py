"""What stands beside the zones when an address's registration is judged."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from whitelist.models.fields import AddressField


class OverrideDecision(models.TextChoices):
    ACCEPT = "accept", _("Counts as registered")
    REFUSE = "refuse", _("Does not count as registered")


class OverrideQuerySet(models.QuerySet["RegistrationOverride"]):
    def in_force(self, at: datetime) -> OverrideQuerySet:
        return self.filter(lifted_at__isnull=True, until__gt=at)


class RegistrationOverride(models.Model):
    """A decision of staff about one address, whatever the zones say, for a limited time."""

    address = AddressField(_("IP address"))
    decision = models.CharField(_("decision"), max_length=10, choices=OverrideDecision)
    name = models.CharField(
        _("domain name"),
        max_length=253,
        blank=True,
        help_text=_("The name under which it counts as registered."),
    )
    reason = models.CharField(_("reason"), max_length=300)
    until = models.DateTimeField(_("until"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("by"),
    )
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)

    objects = OverrideQuerySet.as_manager()

    class Meta:
        verbose_name = _("registration override")
        verbose_name_plural = _("registration overrides")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["address"],
                condition=Q(lifted_at__isnull=True),
                name="override_one_open_per_address",
            ),
            models.CheckConstraint(
                condition=~Q(decision="accept", name=""), name="override_accepts_a_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.decision}"


class LiveVerdict(models.TextChoices):
    ASKED = "asked", _("Asked, no answer yet")
    REGISTERED = "registered", _("The name servers have it registered")
    UNREGISTERED = "unregistered", _("The name servers do not have it either")
    UNKNOWN = "unknown", _("The name servers could not be asked")


class LiveAnswer(models.Model):
    """The last second opinion on an address: what its authoritative servers said themselves.

    It decides nothing by itself. `names` maps each reverse name to the addresses that its
    forward look-up gave.
    """

    address = AddressField(_("IP address"), unique=True)
    asked_at = models.DateTimeField(_("asked"))
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    verdict = models.CharField(
        _("verdict"), max_length=15, choices=LiveVerdict, default=LiveVerdict.ASKED
    )
    names = models.JSONField(_("names"), default=dict)
    detail = models.CharField(_("detail"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("live answer")
        verbose_name_plural = _("live answers")

    def __str__(self) -> str:
        return f"{self.address} {self.verdict}"
