"""Where registered names come from."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

DEFAULT_REFRESH = 3600  # seconds, where no SOA has said it
DEFAULT_RETRY = 900


class ZoneKind(models.TextChoices):
    FORWARD = "forward", _("Forward zone (name to address)")
    REVERSE = "reverse", _("Reverse zone (address to name)")
    LIST = "list", _("List (CSV file or staff)")


class ZoneSource(models.TextChoices):
    """How the zone's content comes to us; `HAND` is the only one that is not followed."""

    HAND = "hand", _("Loaded by hand")
    SERVERS = "servers", _("Zone transfer from name servers")
    FILE = "file", _("File, read again when it changes")


class ZoneState(models.TextChoices):
    """How far what we hold of a zone can be relied on, derived from its row."""

    BY_HAND = "by_hand", _("Loaded by hand")
    NEVER = "never", _("Never loaded")
    OK = "ok", _("In step")
    STALE = "stale", _("Not confirmed lately")
    FAILING = "failing", _("Failing")
    EXPIRED = "expired", _("Expired")
    HELD = "held", _("Held for a decision")


class ZoneQuerySet(models.QuerySet["Zone"]):
    def followed(self) -> ZoneQuerySet:
        return self.exclude(source=ZoneSource.HAND)

    def due(self, at: datetime) -> ZoneQuerySet:
        """Followed zones whose time to be asked about has come; a new one is due at once."""
        return self.followed().filter(Q(next_check_at__isnull=True) | Q(next_check_at__lte=at))


class Zone(models.Model):
    """One source of the registry: a DNS zone by its origin, or a list by its own name.

    A host of a forward or reverse zone is one half of the evidence; a host of a list is
    a registration that somebody stated, and stands by itself. `view` keeps two contents of
    one name apart; a zone without a view is seen in every view. Times of the SOA are seconds.
    """

    name = models.CharField(_("name"), max_length=255)
    view = models.CharField(
        _("view"),
        max_length=50,
        blank=True,
        default="",
        help_text=_("Only where the name servers answer differently to different askers."),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=ZoneKind)
    source = models.CharField(
        _("source"), max_length=10, choices=ZoneSource, default=ZoneSource.HAND
    )
    file = models.CharField(
        _("file"),
        max_length=255,
        blank=True,
        help_text=_("Its name in the folder of zone files (setting ZONE_FILES_DIR)."),
    )
    loss_allowed = models.PositiveSmallIntegerField(
        _("loss allowed (%)"),
        default=20,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("Held for a decision where more of its addresses would lose their last name."),
    )
    # What we hold
    serial = models.BigIntegerField(_("SOA serial"), null=True, blank=True)
    loaded_at = models.DateTimeField(_("last loaded"), null=True, blank=True)
    first_loaded_at = models.DateTimeField(_("first loaded"), null=True, blank=True)
    full_at = models.DateTimeField(_("last read in full"), null=True, blank=True)
    hosts_count = models.PositiveIntegerField(_("hosts"), default=0)
    left_out = models.JSONField(_("left out"), default=dict, blank=True)
    cuts = models.JSONField(default=list, blank=True, editable=False)
    renamed = models.JSONField(default=list, blank=True, editable=False)
    # What its servers say of it
    refresh = models.PositiveIntegerField(_("refresh (s)"), null=True, blank=True)
    retry = models.PositiveIntegerField(_("retry (s)"), null=True, blank=True)
    expire = models.PositiveIntegerField(_("expire (s)"), null=True, blank=True)
    # How following it goes
    checked_at = models.DateTimeField(_("last confirmed"), null=True, blank=True)
    next_check_at = models.DateTimeField(_("next check"), null=True, blank=True)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    fault = models.CharField(_("fault"), max_length=20, blank=True)
    fault_detail = models.CharField(_("fault detail"), max_length=500, blank=True)

    objects = ZoneQuerySet.as_manager()

    class Meta:
        verbose_name = _("zone")
        verbose_name_plural = _("zones")
        ordering = ["name", "view"]
        constraints = [
            models.UniqueConstraint(fields=["name", "view"], name="zone_unique_in_view"),
        ]
        indexes = [
            # registry.following.schedule: which zones are due
            models.Index(
                fields=["next_check_at"], condition=~Q(source="hand"), name="zone_by_next_check"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.view})" if self.view else self.name

    @property
    def is_followed(self) -> bool:
        return self.source != ZoneSource.HAND

    @property
    def expires_at(self) -> datetime | None:
        """When what we hold may not be relied on any more, if nobody confirms it (RFC 1035)."""
        if not (self.is_followed and self.checked_at and self.expire):
            return None
        return self.checked_at + timedelta(seconds=self.expire)

    def is_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at

    def state(self, at: datetime) -> ZoneState:
        """Asks for the zone's held transfer: select it along where there are many zones.

        `registry.following.zone_states` says the same in SQL.
        """
        if not self.is_followed:
            return ZoneState.BY_HAND if self.loaded_at else ZoneState.NEVER
        if hasattr(self, "held"):
            return ZoneState.HELD
        if self.is_expired(at):
            return ZoneState.EXPIRED
        if self.failing_since:
            return ZoneState.FAILING
        return self.state_by_age(at)

    def state_by_age(self, at: datetime) -> ZoneState:
        if self.loaded_at is None or self.checked_at is None:
            return ZoneState.NEVER
        patience = (self.refresh or DEFAULT_REFRESH) + (self.retry or DEFAULT_RETRY)
        is_stale = self.checked_at + timedelta(seconds=patience) < at
        return ZoneState.STALE if is_stale else ZoneState.OK


class ZoneServer(models.Model):
    """One name server that a zone is transferred from; they are asked in their order."""

    zone = models.ForeignKey(
        Zone, on_delete=models.CASCADE, related_name="servers", verbose_name=_("zone")
    )
    address = models.GenericIPAddressField(_("IP address"))
    port = models.PositiveIntegerField(
        _("port"), default=53, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    key_name = models.CharField(
        _("TSIG key"),
        max_length=255,
        blank=True,
        help_text=_("Its name in the key file (setting DNS_KEYS_FILE); empty: not signed."),
    )
    position = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("name server")
        verbose_name_plural = _("name servers")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["zone", "address", "port"], name="zone_server_once_a_zone"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address}#{self.port}"
