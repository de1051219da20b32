"""Signing in: passwords are throttled, one-time codes are asked of who has set them up."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.whitelist.admin.signing_in import HERE, THERE, code_of, fail, is_in, sign_in
from tests.whitelist.admin.staff import PASSWORD, make_staff, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def staff_user(db: None) -> User:
    return make_staff("lin", "view")


@pytest.fixture
def device(staff_user: User) -> TOTPDevice:
    return TOTPDevice.objects.create(user=staff_user, name="app", confirmed=True)


def test_the_right_password_lets_staff_in(client: Client) -> None:
    assert sign_in(client).status_code == 302
    assert is_in(client)


def test_four_wrong_passwords_lock_nobody_and_the_right_one_ends_the_count(client: Client) -> None:
    assert fail(client, 4) == [200] * 4
    assert sign_in(client).status_code == 302
    assert fail(client, 4) == [200] * 4


@pytest.mark.parametrize("language", ["en", "zh-hant"])
def test_the_fifth_wrong_password_locks_even_the_right_one_out(
    client: Client, language: str
) -> None:
    client.cookies["django_language"] = language
    assert fail(client, 5) == [200] * 4 + [429]
    response = sign_in(client)
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "900"
    assert response.headers["Content-Language"] == language
    assert "15" in text_of(response)
    assert "admin_site/admin.css" in text_of(response)
    assert not is_in(client)


def test_the_lock_ends_after_a_quarter_of_an_hour_however_often_it_is_tried(
    client: Client,
) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        fail(client, 5)
    with time_machine.travel(start + timedelta(minutes=14), tick=False):
        assert sign_in(client).status_code == 429
    with time_machine.travel(start + timedelta(minutes=15, seconds=1), tick=False):
        assert sign_in(client).status_code == 302


def test_another_address_and_another_user_are_not_locked(client: Client) -> None:
    make_staff("chen", "view")
    fail(client, 5)
    assert sign_in(Client(), username="chen").status_code == 302
    assert sign_in(Client(), REMOTE_ADDR=THERE).status_code == 302


def test_forwarding_headers_do_not_get_around_the_lock(client: Client) -> None:
    for number in range(5):
        fail(client, 1, HTTP_X_FORWARDED_FOR=f"140.114.65.{number}")
    response = sign_in(client, HTTP_X_FORWARDED_FOR=THERE, HTTP_X_REAL_IP=THERE)
    assert response.status_code == 429
    assert set(AccessAttempt.objects.values_list("ip_address", flat=True)) == {HERE}


def test_a_mapped_spelling_of_the_address_does_not_get_around_the_lock(client: Client) -> None:
    fail(client, 5)
    assert sign_in(client, REMOTE_ADDR=f"::ffff:{HERE}").status_code == 429


def test_members_at_a_locked_address_are_not_concerned(client: Client) -> None:
    paths = ("/privacy", "/smtp-whitelist/help", "/portal/enter", "/healthz")
    before = [client.get(path, REMOTE_ADDR=HERE).status_code for path in paths]
    fail(client, 5)
    assert [client.get(path, REMOTE_ADDR=HERE).status_code for path in paths] == before
    assert 429 not in before


def test_deleting_the_attempts_lets_the_user_try_again(client: Client) -> None:
    fail(client, 5)
    AccessAttempt.objects.all().delete()
    assert sign_in(client).status_code == 302


def test_neither_passwords_nor_codes_are_kept_with_an_attempt(client: Client) -> None:
    sign_in(client, "a wrong password", otp_token="123456")
    kept = AccessAttempt.objects.get()
    assert "a wrong password" not in kept.post_data
    assert "123456" not in kept.post_data


def test_without_a_device_no_code_is_asked(client: Client) -> None:
    assert sign_in(client, otp_token="").status_code == 302


def test_with_a_device_the_password_alone_is_not_enough(client: Client, device: TOTPDevice) -> None:
    response = sign_in(client)
    assert response.status_code == 200
    assert response.context["form"].non_field_errors()
    assert not is_in(client)


def test_a_current_code_lets_in_and_works_once(client: Client, device: TOTPDevice) -> None:
    code = code_of(device)
    assert sign_in(client, otp_token=f"{code[:3]} {code[3:]}").status_code == 302
    assert is_in(client)
    assert sign_in(Client(), otp_token=code).status_code == 200


@pytest.mark.parametrize("token", ["000000", "abcdefgh", "1", "０００００0"])
def test_a_wrong_code_does_not_let_in(client: Client, device: TOTPDevice, token: str) -> None:
    assert sign_in(client, otp_token=token).status_code == 200
    assert not is_in(client)


def test_wrong_codes_are_throttled_by_the_device(client: Client, device: TOTPDevice) -> None:
    sign_in(client, otp_token="000000")
    sign_in(client, otp_token="000001")
    assert sign_in(client, otp_token=code_of(device)).status_code == 200


def test_a_code_with_a_wrong_password_does_not_let_in(client: Client, device: TOTPDevice) -> None:
    assert sign_in(client, "wrong", otp_token=code_of(device)).status_code == 200
    assert not is_in(client)


def test_the_device_of_somebody_else_does_not_let_in(client: Client, device: TOTPDevice) -> None:
    other = TOTPDevice.objects.create(user=make_staff("chen"), confirmed=True)
    fields = {"username": "lin", "password": PASSWORD, "otp_token": code_of(other)}
    fields["otp_device"] = other.persistent_id
    client.post(reverse("admin:login"), fields, REMOTE_ADDR=HERE)
    assert not is_in(client)


def test_a_device_that_was_never_confirmed_asks_for_nothing(
    client: Client, staff_user: User
) -> None:
    TOTPDevice.objects.create(user=staff_user, confirmed=False)
    assert sign_in(client).status_code == 302


def test_a_backup_code_works_once(client: Client, device: TOTPDevice, staff_user: User) -> None:
    backup = StaticDevice.objects.create(user=staff_user, confirmed=True)
    StaticToken.objects.create(device=backup, token="abcd2345")
    assert sign_in(client, otp_token="ABCD 2345").status_code == 302
    assert sign_in(Client(), otp_token="abcd2345").status_code == 200


def test_a_session_from_before_the_device_has_to_give_a_code(
    client: Client, staff_user: User
) -> None:
    sign_in(client)
    TOTPDevice.objects.create(user=staff_user, confirmed=True)
    assert not is_in(client)


def test_the_password_is_never_sent_back(client: Client, device: TOTPDevice) -> None:
    assert PASSWORD not in text_of(sign_in(client))


@pytest.mark.parametrize("name", ["a" * 151, "a" * 300, "\ufdfa" * 100], ids=["151", "300", "NFKC"])
def test_a_name_longer_than_any_is_refused_before_it_is_counted(client: Client, name: str) -> None:
    response = sign_in(client, "wrong", username=name)
    assert response.status_code == 200
    assert response.context["form"].has_error("username", "max_length")
    assert not AccessAttempt.objects.exists()


def test_the_longest_name_that_can_be_is_counted(client: Client) -> None:
    assert sign_in(client, "wrong", username="a" * 150).status_code == 200
    assert AccessAttempt.objects.get().username == "a" * 150


@pytest.mark.parametrize("query", ["", "?next=https://evil.example/", "?next=//evil.example"])
def test_without_a_page_of_ours_to_go_to_it_leads_to_the_index(client: Client, query: str) -> None:
    fields = {"username": "lin", "password": PASSWORD}
    answer = client.post(reverse("admin:login") + query, fields, REMOTE_ADDR=HERE)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
