"""The relays that follow the map."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Min, Q, Subquery
from django.utils.translation import gettext_lazy as _

from whitelist.models.access_map import THE_MAP, AccessMap
from whitelist.models.service_settings import THE_SETTINGS, ServiceSettings

LOCAL_RELAY = "local"
# It stands in labels of metrics, in commands and in the lines of /readyz.
RELAY_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z"
# A relay's clock that is further off than this deserves to be looked at.
CLOCK_TOLERANCE = timedelta(seconds=2)


class RelayState(StrEnum):
    """How a relay stands; the first that applies, in this order."""

    ERROR = "error"
    NEVER = "never"
    SILENT = "silent"
    BEHIND = "behind"
    IN_SYNC = "in_sync"


class RelayQuerySet(models.QuerySet["Relay"]):
    def active(self) -> RelayQuerySet:
        """The relays that count when we ask whether an entry is effective."""
        return self.filter(is_active=True)

    def installed_serial(self) -> int | None:
        """The serial that every active relay has reached; None when no relay is active."""
        serial: int | None = self.active().aggregate(least=Min("installed_serial"))["least"]
        return serial

    def lock_all(self) -> None:
        """Until the transaction ends nobody else changes what any relay has installed.

        Always all, and in one order: two that lock a part each would wait for one another, or
        both overlook what the other writes.
        """
        list(self.model.objects.select_for_update().order_by("pk").values_list("pk"))

    def with_wanted(self) -> RelayQuerySet:
        """Annotated with what a relay should have, `wanted_serial`, `per_hour`, `per_day`, and
        after how many `silent_seconds` it is silent."""
        settings = ServiceSettings.objects.filter(pk=THE_SETTINGS)
        return self.annotate(
            wanted_serial=Subquery(AccessMap.objects.filter(pk=THE_MAP).values("serial")),
            per_hour=Subquery(settings.values("raised_per_hour")),
            per_day=Subquery(settings.values("raised_per_day")),
            silent_seconds=Subquery(settings.values("relay_silent_seconds")),
        )


class Relay(models.Model):
    """A mail relay, and the map serial that it has installed.

    The relay named `local` is this machine's own table, written by the publish task. Every other
    one has a token, of which we keep the SHA-256 alone, and reports by itself.
    """

    name = models.CharField(
        _("name"),
        max_length=100,
        unique=True,
        validators=[RegexValidator(RELAY_NAME, _("Letters, digits, dots, hyphens, underscores."))],
    )
    is_active = models.BooleanField(
        _("counts"),
        default=True,
        help_text=_("An entry is effective when every relay that counts has it"),
    )
    token_digest = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001
    token_issued_at = models.DateTimeField(_("token issued"), null=True, editable=False)
    installed_serial = models.BigIntegerField(_("installed serial"), default=0)
    installed_digest = models.CharField(_("digest"), max_length=64, blank=True)
    issued_at = models.DateTimeField(_("snapshot of"), null=True, blank=True)
    reported_at = models.DateTimeField(_("last report"), null=True, blank=True)
    version = models.CharField(_("version"), max_length=50, blank=True)
    booted_seconds = models.FloatField(_("time since boot"), null=True, blank=True)
    # Its wall clock minus ours, at the last report.
    clock_offset = models.FloatField(_("clock offset (seconds)"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True)
    # When staff were told that it is silent; empty again when it is heard.
    silence_told_at = models.DateTimeField(null=True, editable=False)

    objects = RelayQuerySet.as_manager()

    class Meta:
        verbose_name = _("relay")
        verbose_name_plural = _("relays")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(token_digest__isnull=True, token_issued_at__isnull=True)
                | Q(token_digest__isnull=False, token_issued_at__isnull=False),
                name="relay_token_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_remote(self) -> bool:
        """Whether it follows by a token; the local one is written by the publish task."""
        return self.token_issued_at is not None

    def is_silent(self, at: datetime, after: timedelta) -> bool:
        """Whether a remote relay has said nothing for longer than `after`."""
        heard = self.reported_at or self.token_issued_at
        return self.is_remote and heard is not None and at - heard > after

    def is_clock_off(self) -> bool:
        return self.clock_offset is not None and (
            abs(self.clock_offset) > CLOCK_TOLERANCE.total_seconds()
        )

    def state(self, wanted_serial: int, at: datetime, silent_after: timedelta) -> RelayState:
        if self.last_error:
            return RelayState.ERROR
        if self.reported_at is None:
            return RelayState.NEVER
        if self.is_silent(at, silent_after):
            return RelayState.SILENT
        return RelayState.IN_SYNC if self.installed_serial >= wanted_serial else RelayState.BEHIND
