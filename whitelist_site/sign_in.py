"""How staff sign in: a password, and a one-time code from whoever has set one up."""

from __future__ import annotations

from typing import Any, cast

from axes.helpers import get_cool_off
from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.models import User
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django_otp.forms import OTPAuthenticationFormMixin
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice


def has_one_time_codes(user: User) -> bool:
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


class StaffAuthenticationForm(OTPAuthenticationFormMixin, AdminAuthenticationForm):  # type: ignore[misc]
    """User name, password, and the code where the user has a confirmed device.

    The code is asked in the same form, so that the password is never sent back to a page.
    """

    otp_token = forms.CharField(
        label=_("One-time code"),
        required=False,
        max_length=16,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
        help_text=_("Only if you have set it up: six digits from your app, or a backup code."),
    )
    otp_error_messages = {
        **OTPAuthenticationFormMixin.otp_error_messages,
        "token_required": _("Enter your password again, together with your one-time code."),
        "invalid_token": _("That code was not correct, or it was used already."),
        "device_required": _("That code was not correct, or it was used already."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The stock form limits what may be typed, not what may be sent; and django-axes would
        # store a name of any length in a column that is none.
        username = cast(UsernameField, self.fields["username"])
        username.validators.append(MaxLengthValidator(username.max_length))

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean()
        user = self.get_user()
        if user is not None and has_one_time_codes(user):
            self.clean_otp(user)
        return data

    def _update_form(self, user: User) -> None:
        """The package would write the password into the page here; ours asks for it again."""

    def clean_otp_token(self) -> str:
        return "".join(self.cleaned_data["otp_token"].split()).lower()

    def _chosen_device(self, user: User) -> Device | None:
        """Six digits are the app's, anything else is a backup code: one device is tried."""
        is_app_code = self.cleaned_data.get("otp_token", "").isdecimal()
        model = TOTPDevice if is_app_code else StaticDevice
        return model.objects.filter(user=user, confirmed=True).order_by("-pk").first()


def locked_out(
    request: HttpRequest, _original: HttpResponse | None = None, _credentials: Any = None
) -> HttpResponse:
    """What django-axes answers while a user name is locked for an address."""
    cool_off = get_cool_off(request)
    minutes = int(cool_off.total_seconds() // 60) if cool_off else 0
    context = {
        **admin.site.each_context(request),
        "title": _("Too many attempts"),
        "minutes": minutes,
    }
    response = TemplateResponse(request, "admin/locked_out.html", context, status=429)
    response["Retry-After"] = str(minutes * 60)
    return response.render()
