"""Signing in as a browser does it, and what an app for one-time codes would show."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.whitelist.admin.staff import PASSWORD

HERE, THERE = "140.114.64.154", "140.114.65.1"


def sign_in(client: Client, password: str = PASSWORD, **more: Any) -> Any:
    fields = {"username": more.pop("username", "lin"), "password": password}
    if "otp_token" in more:
        fields["otp_token"] = more.pop("otp_token")
    more.setdefault("REMOTE_ADDR", HERE)
    return client.post(reverse("admin:login") + "?next=/admin/", fields, **more)


def is_in(client: Client, address: str = HERE) -> bool:
    return client.get(reverse("admin:index"), REMOTE_ADDR=address).status_code == 200


def fail(client: Client, times: int, **more: Any) -> list[int]:
    return [sign_in(client, "wrong", **more).status_code for _ in range(times)]


def code_of(device: TOTPDevice, *, steps: int = 0) -> str:
    """The code that an app would show now, or some steps of thirty seconds away."""
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    totp.time = timezone.now().timestamp() + steps * device.step
    return f"{totp.token():0{device.digits}d}"
