"""A confirmation link on its way to a member: the way in without a verification code."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from whitelist.models.fields import AddressField


class ConfirmationLinkQuerySet(models.QuerySet["ConfirmationLink"]):
    def good(self, at: datetime) -> ConfirmationLinkQuerySet:
        return self.filter(expires_at__gt=at)

    def over(self, at: datetime) -> ConfirmationLinkQuerySet:
        return self.filter(expires_at__lte=at)

    def of_person(self, issuer: str, subject: str) -> ConfirmationLinkQuerySet:
        return self.filter(issuer=issuer, subject=subject)


class ConfirmationLink(models.Model):
    """Stands while the link can be used: its use deletes the row.

    `digest` is the SHA-256 of the token, in hexadecimal; the token itself stands in the letter
    only. It serves that person (`issuer`, `subject`), at that address.
    """

    digest = models.CharField(max_length=64, unique=True)
    issuer = models.CharField(_("portal"), max_length=200)
    subject = models.CharField(_("account"), max_length=64)
    address = AddressField(_("IP address"))
    # What the member had chosen on the form, for the entry.
    wants_letters = models.BooleanField(_("wants e-mail"), default=False)
    requested_at = models.DateTimeField(_("requested"))
    expires_at = models.DateTimeField(_("valid until"))

    objects = ConfirmationLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("confirmation link")
        verbose_name_plural = _("confirmation links")
        ordering = ["-requested_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.subject} {self.address}"
