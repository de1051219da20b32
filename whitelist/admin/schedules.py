"""Periodic tasks: the package's own pages, less what this service does not use."""

from __future__ import annotations

from typing import Any

from celery.schedules import ParseException
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import CrontabScheduleAdmin as PackageCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as PackagePeriodicTaskAdmin
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    PeriodicTask,
    SolarSchedule,
)
from kombu.exceptions import OperationalError

from whitelist.admin_display import local

# Clocked schedules run once and solar ones need an observatory's library: neither is used.
for model in (PeriodicTask, CrontabSchedule, ClockedSchedule, SolarSchedule):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(PackageCrontabScheduleAdmin):  # type: ignore[misc]
    @admin.display(description=_("In words"))
    def human_readable(self, obj: CrontabSchedule) -> str:
        """Of a form that is shown again with its errors too, where there are no words."""
        try:
            words: str = obj.human_readable
        except (ParseException, ValueError):
            return "–"
        return words


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(PackagePeriodicTaskAdmin):  # type: ignore[misc]
    list_display = ("name", "enabled", "interval", "crontab", "last_run", "total_run_count")
    list_filter = ("enabled", "task")
    date_hierarchy = None
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        (
            _("Schedule"),
            {
                "fields": (
                    "interval",
                    "crontab",
                    "crontab_translation",
                    "start_time",
                    "last_run_at",
                    "one_off",
                )
            },
        ),
        (_("Arguments"), {"fields": ("args", "kwargs"), "classes": ("collapse",)}),
        (
            _("Execution Options"),
            {
                "fields": (
                    "expires",
                    "expire_seconds",
                    "queue",
                    "exchange",
                    "routing_key",
                    "priority",
                    "headers",
                ),
                "classes": ("collapse",),
            },
        ),
    )

    @admin.display(description=_("Last Run Datetime"), ordering="last_run_at")
    def last_run(self, obj: PeriodicTask) -> str:
        return local(obj.last_run_at)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if self.has_change_permission(request):
            return dict(actions)
        return {name: action for name, action in actions.items() if name == "delete_selected"}

    @admin.action(description=_("Run selected tasks"))
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        try:
            super().run_tasks(request, queryset)
        except (OperationalError, OSError):
            messages.error(request, gettext("The broker cannot be reached; no task was sent."))
