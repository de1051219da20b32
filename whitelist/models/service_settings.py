"""What staff may change while the service runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, validate_email
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from whitelist.models.entry import EndReason
from whitelist.models.sent_count import WhatWasSent
from whitelist.models.staff_texts import InBothLanguages

THE_SETTINGS = 1
MAX_TERM_MINUTES = 24 * 60


def check_email_lines(text: str) -> None:
    """Raises `ValidationError` that names the line which is no e-mail address."""
    for line in text.split():
        try:
            validate_email(line)
        except ValidationError as error:
            message = _("%(line)s is not an e-mail address.")
            raise ValidationError(message, params={"line": line}) from error


class RegistrationRule(models.TextChoices):
    AGREEING = "agreeing", _("Forward and reverse agree, where both zones are known")
    REVERSE = "reverse", _("A reverse name is enough")
    FORWARD = "forward", _("A forward name is enough")


class ServiceSettings(InBothLanguages, models.Model):
    """One row. Changed through `whitelist.service.do_change_settings`, which audits it.

    Texts for members stand in both languages; an empty one is not shown.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_SETTINGS, editable=False)
    term_minutes = models.PositiveIntegerField(
        _("term (minutes)"),
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_TERM_MINUTES)],
        help_text=_("How long an entry lasts; at most a day (1440)."),
    )
    requests_per_day = models.PositiveIntegerField(
        _("requests a person a day"),
        default=5,
        help_text=_("Openings and extensions together; 0 is no limit. The day is the local one."),
    )
    extend_within_minutes = models.PositiveIntegerField(
        _("extension offered in the last (minutes)"),
        default=10,
        help_text=_("When the page begins to offer it. Asked for earlier, it is granted too."),
    )
    registration_rule = models.CharField(
        _("registration rule"),
        max_length=10,
        choices=RegistrationRule,
        default=RegistrationRule.AGREEING,
    )
    name_suffixes = models.TextField(
        _("name suffixes"),
        blank=True,
        help_text=_(
            "One a line, such as nthu.edu.tw. Names in DNS zones must end in one of them, or lie in"
            " a forward zone that is loaded. Empty: any name."
        ),
    )
    minimum_age_hours = models.PositiveIntegerField(
        _("minimum age of a name (hours)"),
        default=0,
        validators=[MaxValueValidator(90 * 24)],
        help_text=_("A name that is newer in its zone does not count yet; 0 is no minimum."),
    )
    series_length = models.PositiveIntegerField(
        _("series of names (length)"),
        default=32,
        validators=[MaxValueValidator(254)],
        help_text=_(
            "Names numbered in step with this many addresses or more, such as pc1 to pc200, were"
            " made by a machine, and wait for a decision of staff; 0 lets them count."
        ),
    )
    registration_grace_minutes = models.PositiveIntegerField(
        _("grace after a registration is lost (minutes)"),
        default=10,
        validators=[MaxValueValidator(MAX_TERM_MINUTES)],
        help_text=_("How long an entry still runs when its address loses its registered name."),
    )
    entries_hit_allowed = models.PositiveIntegerField(
        _("active entries a sync may hit"),
        default=5,
        help_text=_("Held for a decision where more entries would lose their registration."),
    )
    unit_admins_may_edit = models.BooleanField(
        _("unit network admins may edit"),
        default=False,
        help_text=_("Hosts and overrides of their own unit's networks; else they only look."),
    )
    raised_per_hour = models.PositiveIntegerField(
        _("raised limit (recipients an hour)"),
        default=0,
        help_text=_("At relays with the policy service, for a whitelisted address; 0 is no limit."),
    )
    raised_per_day = models.PositiveIntegerField(
        _("raised limit (recipients a day)"), default=0, help_text=_("0 is no limit.")
    )
    end_above_recipients = models.PositiveIntegerField(
        _("an entry ends above (recipients)"),
        default=0,
        help_text=_("By itself, as far as the relays report what was sent; 0 is no limit."),
    )
    end_at_bounced_percent = models.PositiveIntegerField(
        _("an entry ends at bounced (percent)"),
        default=0,
        validators=[MaxValueValidator(100)],
        help_text=_("Of the recipients; 0 ends none."),
    )
    bounce_judged_from = models.PositiveIntegerField(
        _("bounces are judged from (recipients)"),
        default=100,
        validators=[MinValueValidator(1)],
        help_text=_("With fewer recipients a few wrong addresses would weigh too much."),
    )
    relay_silent_seconds = models.PositiveIntegerField(
        _("a relay is silent after (seconds)"),
        default=60,
        validators=[MinValueValidator(20), MaxValueValidator(86_400)],
        help_text=_("Relays report every ten seconds; one that is silent is an alarm."),
    )
    alarm_emails = models.TextField(
        _("alarms go to (e-mail addresses)"),
        blank=True,
        validators=[check_email_lines],
        help_text=_("One a line. Empty: no alarm is sent by e-mail."),
    )
    paused = models.BooleanField(_("paused"), default=False)
    paused_until = models.DateTimeField(
        _("paused until"), null=True, blank=True, help_text=_("Empty: until somebody resumes it")
    )
    pause_message_zh = models.CharField(_("why it is paused (Chinese)"), max_length=300, blank=True)
    pause_message_en = models.CharField(_("why it is paused (English)"), max_length=300, blank=True)
    relay_host = models.CharField(
        _("name of the mail relay"), max_length=253, default="smtp.net.nthu.edu.tw"
    )
    contact_phone = models.CharField(_("contact: phone"), max_length=100, blank=True)
    contact_email = models.EmailField(_("contact: e-mail"), blank=True)
    contact_hours_zh = models.CharField(_("contact: hours (Chinese)"), max_length=100, blank=True)
    contact_hours_en = models.CharField(_("contact: hours (English)"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("service settings")
        verbose_name_plural = _("service settings")
        constraints = [
            models.CheckConstraint(
                condition=Q(id=THE_SETTINGS), name="service_settings_is_one_row"
            ),
            models.CheckConstraint(
                condition=Q(term_minutes__gte=1, term_minutes__lte=MAX_TERM_MINUTES),
                name="service_settings_term_has_a_maximum",
            ),
        ]

    def __str__(self) -> str:
        return str(_("Service settings"))

    @classmethod
    def load(cls) -> ServiceSettings:
        """The row as it is now; a data migration has created it."""
        return cls.objects.get(pk=THE_SETTINGS)

    @property
    def term(self) -> timedelta:
        return timedelta(minutes=self.term_minutes)

    @property
    def extension_window(self) -> timedelta:
        return timedelta(minutes=self.extend_within_minutes)

    @property
    def suffixes(self) -> list[str]:
        lines = (line.strip().strip(".").lower() for line in self.name_suffixes.splitlines())
        return [line for line in lines if line]

    @property
    def alarm_recipients(self) -> list[str]:
        return self.alarm_emails.split()

    @property
    def minimum_age(self) -> timedelta:
        return timedelta(hours=self.minimum_age_hours)

    @property
    def registration_grace(self) -> timedelta:
        return timedelta(minutes=self.registration_grace_minutes)

    @property
    def relay_silence(self) -> timedelta:
        return timedelta(seconds=self.relay_silent_seconds)

    def limit_reached(self, sent: WhatWasSent) -> EndReason | None:
        """Why an entry under which this was sent ends before its time; None where it stays."""
        if 0 < self.end_above_recipients < sent.recipients:
            return EndReason.TOO_MUCH
        bounced = sent.bounced * 100 >= self.end_at_bounced_percent * sent.recipients
        if self.end_at_bounced_percent and bounced and sent.recipients >= self.bounce_judged_from:
            return EndReason.BOUNCED
        return None

    @property
    def ends_by_count(self) -> bool:
        return bool(self.end_above_recipients or self.end_at_bounced_percent)

    def is_paused(self, at: datetime) -> bool:
        return self.paused and (self.paused_until is None or self.paused_until > at)
