from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

# A ticket that expired is refused for that alone. Its row stays a week longer, against clocks
# set back and for whoever asks who came in when.
RETENTION = timedelta(days=7)


class RedeemedTicketQuerySet(models.QuerySet["RedeemedTicket"]):
    def purgeable(self, at: datetime) -> RedeemedTicketQuerySet:
        return self.filter(expires_at__lt=at - RETENTION)


class RedeemedTicket(models.Model):
    """A ticket that signed somebody in, and so never does again.

    Written by `portal_auth.redemption` only. That `issuer` and `jti` are unique together is
    what makes a ticket work once.
    """

    issuer = models.CharField(_("portal"), max_length=200)
    jti = models.CharField(_("ticket number"), max_length=64)
    subject = models.CharField(_("account"), max_length=64)
    client_address = models.GenericIPAddressField(_("client address"))
    redeemed_at = models.DateTimeField(_("used"))
    expires_at = models.DateTimeField(_("ticket valid until"))

    objects = RedeemedTicketQuerySet.as_manager()

    class Meta:
        verbose_name = _("used ticket")
        verbose_name_plural = _("used tickets")
        ordering = ["-redeemed_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "jti"], name="redeemed_ticket_once"),
        ]
        indexes = [
            # do_purge_redeemed_tickets
            models.Index(fields=["expires_at"], name="redeemed_ticket_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.redeemed_at:%Y-%m-%d %H:%M:%S}"
