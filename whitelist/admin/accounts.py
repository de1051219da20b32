"""Staff accounts, their one-time codes, and what the password throttle has seen."""

from __future__ import annotations

from typing import Any, cast

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from whitelist.admin.base import ReadOnlyAdmin
from whitelist.admin_display import ip, local, tag

for model in (User, TOTPDevice, StaticDevice, AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

RIGHTS = ("is_superuser", "groups", "user_permissions")


@admin.register(User)
class StaffAdmin(UserAdmin):  # type: ignore[type-arg]
    """The stock page, without its way up: rights are given by superusers only."""

    list_display = ("username", "full_name", "email", "is_active", "is_superuser", "last_login")
    show_full_result_count = False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and not is_above(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not is_above(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if cast(Any, request.user).is_superuser else (*fields, *RIGHTS)

    @admin.display(description=_("name"))
    def full_name(self, obj: User) -> str:
        return obj.get_full_name() or "–"


def is_above(request: HttpRequest, obj: User | None) -> bool:
    return obj is not None and obj.is_superuser and not cast(Any, request.user).is_superuser


class DeviceAdmin(ReadOnlyAdmin[Any]):
    """Made by their owner on the page for one-time codes; here a lost one is taken away.

    Keys and backup codes are shown to nobody.
    """

    list_display = ("owner", "state", "made", "used")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = _("User name")
    sortable_by = ()
    fields = ("owner", "state", "made", "used")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        opts = self.opts
        may = request.user.has_perm(f"{opts.app_label}.delete_{opts.model_name}")
        return may and not (obj and is_above(request, obj.user))

    @admin.display(description=_("user"))
    def owner(self, obj: Any) -> str:
        return str(obj.user.get_username())

    @admin.display(description=_("state"))
    def state(self, obj: Any) -> SafeString:
        return tag(_("Confirmed"), "ok") if obj.confirmed else tag(_("Not confirmed"), "warn")

    @admin.display(description=_("created"))
    def made(self, obj: Any) -> str:
        return local(obj.created_at)

    @admin.display(description=_("last used"))
    def used(self, obj: Any) -> str:
        return local(obj.last_used_at)


@admin.register(TOTPDevice)
class TOTPDeviceAdmin(DeviceAdmin):
    pass


@admin.register(StaticDevice)
class StaticDeviceAdmin(DeviceAdmin):
    def get_list_display(self, request: HttpRequest) -> Any:
        return (*super().get_list_display(request), "codes_left")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_fields(request, obj), "codes_left")

    @admin.display(description=_("codes left"))
    def codes_left(self, obj: StaticDevice) -> int:
        return int(obj.token_set.count())


class SignInAdmin(ReadOnlyAdmin[Any]):
    search_fields = ("username", "ip_address")
    search_help_text = _("User name or IP address")
    sortable_by = ("time",)
    show_full_result_count = False

    @admin.display(description=_("time"), ordering="attempt_time")
    def time(self, obj: Any) -> str:
        return local(obj.attempt_time)

    @admin.display(description=_("IP address"))
    def address(self, obj: Any) -> SafeString | str:
        return ip(obj.ip_address)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(SignInAdmin):
    """Failed sign-ins that count now; deleting one lets its user try again."""

    list_display = ("time", "username", "address", "failures_since_start", "state")
    list_filter = (("attempt_time", admin.DateFieldListFilter),)
    fields = ("time", "username", "address", "failures_since_start", "state", "user_agent")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("axes.delete_accessattempt")

    @admin.display(description=_("state"))
    def state(self, obj: AccessAttempt) -> SafeString:
        if obj.failures_since_start >= settings.AXES_FAILURE_LIMIT:
            return tag(_("Locked"), "stop")
        return tag(_("Counting"), "off")


@admin.register(AccessLog)
class AccessLogAdmin(SignInAdmin):
    list_display = ("time", "username", "address", "signed_out")
    list_filter = (("attempt_time", admin.DateFieldListFilter),)
    fields = ("time", "username", "address", "signed_out", "user_agent")

    @admin.display(description=_("signed out"))
    def signed_out(self, obj: AccessLog) -> str:
        return local(obj.logout_time)
