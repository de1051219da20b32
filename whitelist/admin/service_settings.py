"""The service's settings: changed with a reason; pausing and resuming have pages of their own."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import ValidationError
from django.db.models import TextField
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist import audit
from whitelist.admin.base import OneRowAdmin, Tool
from whitelist.admin.confirm import Question, ReasonForm, confirmation_page, is_confirmed
from whitelist.admin.preview import PREVIEW, PreviewedAdmin
from whitelist.admin_display import local, tag
from whitelist.models import ServiceSettings
from whitelist.service import do_change_settings

PAUSE_FIELDS = ("paused_until", "pause_message_zh", "pause_message_en")
WIDE = {"class": "vTextField"}


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """The settings, and why they change: a reason is wanted as soon as anything differs."""

    reason = forms.CharField(
        label=_("Reason for the change"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs=WIDE),
        help_text=_("Kept in the audit record."),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.setting_changes() and not data.get("reason") and PREVIEW not in self.data:
            self.add_error("reason", _("Say why, for whoever reads the audit later."))
        return data

    def setting_changes(self) -> list[str]:
        return [name for name in self.changed_data if name != "reason"]


class PauseForm(ReasonForm):
    """Until when, and what members read meanwhile."""

    paused_until = forms.DateTimeField(
        label=_("paused until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty: until somebody resumes it"),
    )
    pause_message_zh = forms.CharField(
        label=_("why it is paused (Chinese)"),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs=WIDE),
    )
    pause_message_en = forms.CharField(
        label=_("why it is paused (English)"),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs=WIDE),
    )
    field_order = (*PAUSE_FIELDS, "reason")

    def clean_paused_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["paused_until"]
        if until is not None and until <= timezone.now():
            raise ValidationError(_("Choose a time that is still to come."))
        return until


@admin.register(ServiceSettings)
class ServiceSettingsAdmin(PreviewedAdmin[ServiceSettings], OneRowAdmin[ServiceSettings]):
    form = SettingsForm
    preview_part = "contact"
    readonly_fields = ("state",)
    formfield_overrides = {
        TextField: {"widget": AdminTextareaWidget(attrs={"rows": 4})},
    }
    fieldsets = (
        (None, {"fields": ("state",)}),
        (
            _("Term and quota"),
            {"fields": ("term_minutes", "extend_within_minutes", "requests_per_day")},
        ),
        (
            _("Registration"),
            {
                "fields": (
                    "registration_rule",
                    "name_suffixes",
                    "minimum_age_hours",
                    "series_length",
                    "registration_grace_minutes",
                    "entries_hit_allowed",
                    "unit_admins_may_edit",
                )
            },
        ),
        (
            _("Relays"),
            {"fields": ("raised_per_hour", "raised_per_day", "relay_silent_seconds")},
        ),
        (
            _("What was sent"),
            {"fields": ("end_above_recipients", "end_at_bounced_percent", "bounce_judged_from")},
        ),
        (_("Alarms"), {"fields": ("alarm_emails",)}),
        (
            _("What members read"),
            {
                "fields": (
                    "relay_host",
                    "contact_phone",
                    "contact_email",
                    "contact_hours_zh",
                    "contact_hours_en",
                )
            },
        ),
        (_("Why"), {"fields": ("reason",)}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: ServiceSettings | None = None) -> Any:
        # Who may only look has nothing to give a reason for.
        may_change = self.has_change_permission(request, obj)
        return self.fieldsets if may_change else self.fieldsets[:-1]

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "pause/",
                self.admin_site.admin_view(self.pause_view),
                name="whitelist_servicesettings_pause",
            ),
            path(
                "resume/",
                self.admin_site.admin_view(self.resume_view),
                name="whitelist_servicesettings_resume",
            ),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest, obj: ServiceSettings) -> list[Tool]:
        if not self.may_change(request):
            return []
        pause = Tool(gettext("Pause the service…"), self.url_of("pause"), is_grave=True)
        resume = Tool(gettext("Resume the service…"), self.url_of("resume"))
        return [resume] if obj.is_paused(timezone.now()) else [pause]

    def save_model(
        self, request: HttpRequest, obj: ServiceSettings, form: Any, change: bool
    ) -> None:
        changes = {name: form.cleaned_data[name] for name in form.setting_changes()}
        if changes:
            change_settings(request, changes, form.cleaned_data["reason"])

    def pause_view(self, request: HttpRequest) -> HttpResponse:
        self.check_may_change(request)
        settings = ServiceSettings.load()
        initial = {name: getattr(settings, name) for name in PAUSE_FIELDS[1:]}
        form = PauseForm(request.POST if is_confirmed(request) else None, initial=initial)
        if form.is_valid():
            changes = {name: form.cleaned_data[name] for name in PAUSE_FIELDS}
            change_settings(request, {"paused": True, **changes}, form.cleaned_data["reason"])
            messages.success(request, gettext("The service is paused."))
            return self.back_to(settings)
        return confirmation_page(request, self, self.pause_question(), form)

    def resume_view(self, request: HttpRequest) -> HttpResponse:
        self.check_may_change(request)
        settings = ServiceSettings.load()
        form = ReasonForm(request.POST if is_confirmed(request) else None)
        if form.is_valid():
            changes = {"paused": False, "paused_until": None}
            change_settings(request, changes, form.cleaned_data["reason"])
            messages.success(request, gettext("The service takes requests again."))
            return self.back_to(settings)
        return confirmation_page(request, self, self.resume_question(), form)

    def pause_question(self) -> Question:
        return Question(
            title=gettext("Pause the service?"),
            text=gettext("No entry is opened or extended meanwhile. Active entries run on."),
            button=gettext("Pause"),
            back=self.url_of("change", 1),
        )

    def resume_question(self) -> Question:
        return Question(
            title=gettext("Resume the service?"),
            text=gettext("Members can open and extend entries again at once."),
            button=gettext("Resume"),
            back=self.url_of("change", 1),
            is_grave=False,
        )

    @admin.display(description=_("state"))
    def state(self, obj: ServiceSettings) -> SafeString:
        if not obj.is_paused(timezone.now()):
            return tag(_("Taking requests"), "ok")
        if obj.paused_until is None:
            return tag(_("Paused"), "warn")
        until = local(obj.paused_until, seconds=False)
        return tag(gettext("Paused until %(time)s") % {"time": until}, "warn")


def change_settings(request: HttpRequest, changes: dict[str, Any], reason: str) -> None:
    actor = audit.staff(cast(Any, request.user))
    do_change_settings(changes, actor=actor, at=timezone.now(), reason=reason)
