"""What happened, who did it, and why."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from whitelist.models.fields import AddressField


class ActorKind(models.TextChoices):
    MEMBER = "member", _("Member")
    STAFF = "staff", _("Staff")
    SYSTEM = "system", _("System")


class AuditAction(models.TextChoices):
    OPENED = "entry_opened", _("Entry opened")
    EXTENDED = "entry_extended", _("Entry extended")
    ENDED = "entry_ended", _("Entry ended")
    REFUSED = "entry_refused", _("Request refused")
    SETTINGS_CHANGED = "settings_changed", _("Settings changed")
    BLOCKED = "block_created", _("Block created")
    BLOCK_LIFTED = "block_lifted", _("Block lifted")
    REGISTRY_CHANGED = "registry_changed", _("Registry changed")
    TRANSFER_HELD = "transfer_held", _("Transfer held")
    TRANSFER_RELEASED = "transfer_released", _("Held transfer released")
    TRANSFER_DROPPED = "transfer_dropped", _("Held transfer dropped")
    REGISTRATION_LOST = "registration_lost", _("Registration lost")
    REGISTRATION_BACK = "registration_back", _("Registration back")
    OVERRIDE_SET = "override_set", _("Override set")
    OVERRIDE_LIFTED = "override_lifted", _("Override lifted")
    LINK_SENT = "link_sent", _("Confirmation link sent")
    LINK_USED = "link_used", _("Confirmation link used")


def new_salt() -> str:
    return secrets.token_hex(16)


class AuditRecord(models.Model):
    """One change or refusal. Written in the transaction of what it records; never changed.

    The database itself refuses an update, unless it replaces identities (`rewritten_at`), and
    a deletion. What it says is sealed by the chain of `AuditSeal`, see `whitelist.audit_chain`.
    """

    at = models.DateTimeField(_("time"))
    action = models.CharField(_("action"), max_length=30, choices=AuditAction)
    actor_kind = models.CharField(_("actor kind"), max_length=10, choices=ActorKind)
    actor = models.CharField(_("actor"), max_length=150, blank=True)
    address = AddressField(_("IP address"), null=True, blank=True)
    entry = models.ForeignKey(
        "whitelist.WhitelistEntry",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="audit_records",
        verbose_name=_("entry"),
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    before = models.JSONField(_("before"), null=True, blank=True)
    after = models.JSONField(_("after"), null=True, blank=True)
    # Of the request in whose course it was written; empty for what no request did.
    request_id = models.CharField(_("request ID"), max_length=64, blank=True, default="")
    # Keys the sealed digest, so that nobody can guess an account from it once this is gone.
    salt = models.CharField(max_length=32, default=new_salt, editable=False)
    # When identities in it were last replaced; None: it stands as it was written.
    rewritten_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("audit record")
        verbose_name_plural = _("audit records")
        ordering = ["-at", "-pk"]
        indexes = [
            # the admin's list and its filters by time
            models.Index(fields=["-at"], name="audit_by_time"),
            models.Index(fields=["actor", "-at"], name="audit_by_actor"),
            models.Index(fields=["address", "-at"], name="audit_by_address"),
            models.Index(fields=["action", "-at"], name="audit_by_action"),
            # all that one request did; most rows come from tasks and have none
            models.Index(
                fields=["request_id"], name="audit_by_request", condition=~Q(request_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action}"


class AuditSeal(models.Model):
    """One link of the chain over the audit records; written once, by `whitelist.audit_chain`.

    A record has one when it was sealed, and one more for each time identities in it were
    replaced: the last one holds.
    """

    # From 1, without a gap.
    sequence = models.BigIntegerField(primary_key=True)
    record = models.ForeignKey(
        AuditRecord, on_delete=models.PROTECT, related_name="seals", db_index=False
    )
    # Both in hexadecimal: what the record said, under its salt; and all of the chain up to here.
    content = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()  # no page shows it
        ordering = ["sequence"]
        indexes = [
            # whether a record is sealed, and by which seal last
            models.Index(fields=["record", "sequence"], name="seal_by_record"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence}:{self.digest}"
