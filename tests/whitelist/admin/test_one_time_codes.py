"""One-time codes for oneself: setting up, backup codes, turning off."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.whitelist.admin.signing_in import HERE, code_of, is_in, sign_in
from tests.whitelist.admin.staff import make_staff, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def staff_user(db: None) -> User:
    return make_staff("lin", "view")


def url(name: str) -> str:
    return reverse(f"admin:one_time_codes{name}")


@pytest.fixture
def member(client: Client) -> Client:
    client.defaults["REMOTE_ADDR"] = HERE
    sign_in(client)
    return client


def enrolled(client: Client) -> tuple[TOTPDevice, list[str]]:
    client.post(url("_start"))
    device = TOTPDevice.objects.get(confirmed=False)
    response = client.post(url("_confirm"), {"code": code_of(device)})
    device.refresh_from_db()
    return device, response.context["backup_codes"]


def test_any_staff_user_sets_up_codes_and_signs_in_with_them(member: Client) -> None:
    device, _codes = enrolled(member)
    assert device.confirmed
    assert is_in(member)
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert sign_in(Client(), otp_token=code_of(device)).status_code == 302
    assert sign_in(Client()).status_code == 200


def test_a_wrong_code_does_not_put_the_device_in_force(member: Client) -> None:
    member.post(url("_start"))
    response = member.post(url("_confirm"), {"code": "000000"})
    assert response.context["form"].non_field_errors()
    assert not TOTPDevice.objects.get().confirmed


def test_the_secret_is_a_picture_from_here_and_only_until_it_is_confirmed(member: Client) -> None:
    assert member.get(url("_picture")).status_code == 404
    member.post(url("_start"))
    picture = member.get(url("_picture"))
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert "no-store" in picture.headers["Cache-Control"]
    assert url("_picture") in text_of(member.get(url("")))
    device = TOTPDevice.objects.get()
    member.post(url("_confirm"), {"code": code_of(device)})
    assert member.get(url("_picture")).status_code == 404


def test_looking_at_the_page_makes_no_device(member: Client) -> None:
    member.get(url(""))
    assert member.get(url("_start")).status_code == 405
    assert not TOTPDevice.objects.exists()


def test_every_backup_code_of_the_ten_is_different_and_one_signs_in(member: Client) -> None:
    _device, codes = enrolled(member)
    assert len(set(codes)) == 10
    assert sign_in(Client(), otp_token=codes[3]).status_code == 302
    assert StaticToken.objects.count() == 9


def test_new_backup_codes_replace_the_old_ones(member: Client) -> None:
    _device, old = enrolled(member)
    new = member.post(url("_backup")).context["backup_codes"]
    assert sign_in(Client(), otp_token=old[0]).status_code == 200
    StaticDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert sign_in(Client(), otp_token=new[0]).status_code == 302


def test_a_second_phone_replaces_the_first_once_confirmed(member: Client) -> None:
    first, _codes = enrolled(member)
    second, _codes = enrolled(member)
    assert list(TOTPDevice.objects.all()) == [second]
    assert first.pk != second.pk
    assert is_in(member)


def test_turning_off_wants_a_current_code(member: Client) -> None:
    device, _codes = enrolled(member)
    member.post(url("_off"), {"code": "000000"})
    assert TOTPDevice.objects.filter(confirmed=True).exists()
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        member.post(url("_off"), {"code": code_of(device)})
    assert not TOTPDevice.objects.exists()
    assert not StaticDevice.objects.exists()


def test_only_staff_reaches_the_page(client: Client) -> None:
    response = client.get(url(""), REMOTE_ADDR=HERE)
    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("admin:login"))
