"""What happened, who did it, and why."""

from __future__ import annotations

from django.db import models
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


class AuditRecord(models.Model):
    """One change or refusal. Written in the transaction of what it records; never changed."""

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

    class Meta:
        verbose_name = _("audit record")
        verbose_name_plural = _("audit records")
        ordering = ["-at", "-pk"]
        indexes = [
            # the admin's list and its filters by time
            models.Index(fields=["-at"], name="audit_by_time"),
            models.Index(fields=["actor", "-at"], name="audit_by_actor"),
            models.Index(fields=["address", "-at"], name="audit_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action}"
