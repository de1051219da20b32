"""What following a zone has done, and what it did not dare to do by itself."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from whitelist.models.zone import Zone


class SyncTrigger(models.TextChoices):
    SCHEDULE = "schedule", _("Refresh time of the zone")
    NIGHTLY = "nightly", _("Nightly full transfer")
    NOTIFY = "notify", _("NOTIFY from a name server")
    STAFF = "staff", _("Staff")
    COMMAND = "command", _("Command line")
    SECOND_OPINION = "second_opinion", _("Live answers differ")


class SyncOutcome(models.TextChoices):
    UNCHANGED = "unchanged", _("Nothing changed")
    APPLIED = "applied", _("Applied")
    HELD = "held", _("Held for a decision")
    FAILED = "failed", _("Failed")


class SyncMethod(models.TextChoices):
    SOA = "soa", _("Serial only")
    FULL = "full", _("Full transfer (AXFR)")
    INCREMENTAL = "incremental", _("Incremental transfer (IXFR)")
    FILE = "file", _("File")


class HoldReason(models.TextChoices):
    LOSS = "loss", _("Too many addresses would lose their last name")
    EMPTY = "empty", _("Nothing would be left")
    ENTRIES = "entries", _("Too many active whitelist entries would lose their ground")
    SERIAL = "serial", _("The serial went backwards")


class SyncRun(models.Model):
    """One attempt to bring a zone up to date; a check that found nothing new leaves none.

    Written once, at its end. `fault` is a value of `registry.name_servers.faults.Fault`.
    """

    zone = models.ForeignKey(
        Zone, on_delete=models.CASCADE, related_name="runs", verbose_name=_("zone")
    )
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"))
    trigger = models.CharField(_("why"), max_length=20, choices=SyncTrigger)
    actor = models.CharField(_("by"), max_length=150, blank=True)
    method = models.CharField(_("method"), max_length=15, choices=SyncMethod)
    server = models.CharField(_("server"), max_length=60, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=SyncOutcome)
    hold_reason = models.CharField(_("held because"), max_length=10, choices=HoldReason, blank=True)
    fault = models.CharField(_("fault"), max_length=20, blank=True)
    fault_detail = models.CharField(_("fault detail"), max_length=500, blank=True)
    serial_before = models.BigIntegerField(_("serial before"), null=True)
    serial_after = models.BigIntegerField(_("serial after"), null=True)
    added = models.PositiveIntegerField(_("added"), default=0)
    removed = models.PositiveIntegerField(_("removed"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    left_out = models.JSONField(_("left out"), default=dict)

    class Meta:
        verbose_name = _("sync run")
        verbose_name_plural = _("sync runs")
        ordering = ["-started_at", "-pk"]
        indexes = [
            models.Index(fields=["zone", "-started_at"], name="sync_run_by_zone"),
            # the admin's list; clean_up
            models.Index(fields=["-started_at"], name="sync_run_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.zone} {self.started_at:%Y-%m-%d %H:%M:%S} {self.outcome}"


class HeldTransfer(models.Model):
    """New content of a zone that was not applied, until somebody releases or drops it.

    `hosts` is zlib-compressed text, one `address<SPACE>name` a line, sorted; `digest` is the
    SHA-256 (hexadecimal) of that text before compression. `content` is all else that applying
    needs. A release names serial and digest, so that it is of exactly what was looked at.
    """

    zone = models.OneToOneField(
        Zone, on_delete=models.CASCADE, related_name="held", verbose_name=_("zone")
    )
    reason = models.CharField(_("held because"), max_length=10, choices=HoldReason)
    held_at = models.DateTimeField(_("held since"))
    server = models.CharField(_("server"), max_length=60, blank=True)
    serial = models.BigIntegerField(_("SOA serial"), null=True)
    digest = models.CharField(_("digest"), max_length=64)
    hosts = models.BinaryField()
    content = models.JSONField(default=dict)
    added = models.PositiveIntegerField(_("hosts that would be added"))
    removed = models.PositiveIntegerField(_("hosts that would be removed"))
    addresses_before = models.PositiveIntegerField(_("addresses with a name now"))
    addresses_lost = models.PositiveIntegerField(_("addresses that would lose their last name"))
    entries_hit = models.PositiveIntegerField(_("active entries among them"))

    class Meta:
        verbose_name = _("held transfer")
        verbose_name_plural = _("held transfers")
        ordering = ["held_at"]

    def __str__(self) -> str:
        return f"{self.zone} {self.serial} {self.digest[:12]}"
