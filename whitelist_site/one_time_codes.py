"""One-time codes for oneself: set up with an app, confirm, backup codes, turn off.

The secret is shown only between setting up and confirming; afterwards nobody sees it again.
"""

from __future__ import annotations

from base64 import b32encode
from io import BytesIO
from typing import Any, cast

import django_otp
import qrcode
import qrcode.image.svg
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

BACKUP_CODES = 10


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Six digits from your app"),
        max_length=10,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "class": "code"}
        ),
    )

    def clean_code(self) -> str:
        return "".join(self.cleaned_data["code"].split())


def staff_user(request: HttpRequest) -> User:
    return cast(User, request.user)


def device_of(user: User, *, confirmed: bool) -> TOTPDevice | None:
    devices = TOTPDevice.objects.filter(user=user, confirmed=confirmed)
    return devices.order_by("-pk").first()


def page(request: HttpRequest, form: CodeForm | None = None, **extra: Any) -> HttpResponse:
    user = staff_user(request)
    pending = device_of(user, confirmed=False)
    context = {
        **admin.site.each_context(request),
        "title": gettext("One-time codes"),
        "device": device_of(user, confirmed=True),
        "pending": pending,
        "secret": grouped_secret(pending) if pending else "",
        "codes_left": StaticToken.objects.filter(device__user=user).count(),
        "form": form or CodeForm(),
        **extra,
    }
    return TemplateResponse(request, "admin/one_time_codes.html", context)


def back() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:one_time_codes"))


@never_cache
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    return page(request)


@require_POST
@transaction.atomic
def start(request: HttpRequest) -> HttpResponse:
    """A new secret, not in force until a code made with it was typed."""
    user = staff_user(request)
    TOTPDevice.objects.filter(user=user, confirmed=False).delete()
    TOTPDevice.objects.create(user=user, name="app", confirmed=False)
    return back()


@never_cache
@require_safe
def picture(request: HttpRequest) -> HttpResponse:
    """The pending secret as a QR code; 404 when there is none."""
    pending = device_of(staff_user(request), confirmed=False)
    if pending is None:
        raise Http404
    image = qrcode.make(pending.config_url, image_factory=qrcode.image.svg.SvgPathFillImage)
    buffer = BytesIO()
    image.save(buffer)
    return HttpResponse(buffer.getvalue(), content_type="image/svg+xml")


@never_cache
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Put the pending secret in force, and show fresh backup codes, this once."""
    user = staff_user(request)
    pending = device_of(user, confirmed=False)
    if pending is None:
        return back()
    form = CodeForm(request.POST)
    if not form.is_valid() or not pending.verify_token(form.cleaned_data["code"]):
        form.add_error(None, gettext("That code was not correct. Is your phone's clock right?"))
        return page(request, form)
    codes = put_in_force(user, pending)
    django_otp.login(request, pending)
    messages.success(request, gettext("One-time codes are on. You are asked at your next sign-in."))
    return page(request, backup_codes=codes)


@transaction.atomic
def put_in_force(user: User, device: TOTPDevice) -> list[str]:
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
    return make_backup_codes(user)


@never_cache
@require_POST
def renew_backup_codes(request: HttpRequest) -> HttpResponse:
    """Fresh backup codes; the old ones stop working."""
    user = staff_user(request)
    if device_of(user, confirmed=True) is None:
        return back()
    return page(request, backup_codes=make_backup_codes(user))


@transaction.atomic
def make_backup_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="backup", confirmed=True)
    codes = [StaticToken.random_token() for _ in range(BACKUP_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


@require_POST
def turn_off(request: HttpRequest) -> HttpResponse:
    """Forget the devices; a current code proves that their owner asks."""
    user = staff_user(request)
    device = device_of(user, confirmed=True)
    if device is None:
        return back()
    form = CodeForm(request.POST)
    if not form.is_valid() or not device.verify_token(form.cleaned_data["code"]):
        form.add_error(None, gettext("That code was not correct, or it was used already."))
        return page(request, form)
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
    messages.success(request, gettext("One-time codes are off."))
    return back()


def grouped_secret(device: TOTPDevice) -> str:
    """The secret in base32, in groups of four, for who types it."""
    text = b32encode(device.bin_key).decode()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))
