"""Who becomes a unit network admin, and how they sign in: like all staff."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.whitelist.admin.signing_in import code_of, is_in, sign_in
from tests.whitelist.admin.staff import PASSWORD, page, signed_in
from tests.whitelist.admin.unit_campus import OTHER, UNIT
from whitelist.admin_display import admin_url
from whitelist.models import Host, Network, UnitMembership
from whitelist.units import GROUP

pytestmark = pytest.mark.django_db


def test_they_sign_in_with_one_time_codes_like_all_staff(unit_admin: User) -> None:
    device = TOTPDevice.objects.create(user=unit_admin, name="app", confirmed=True)
    client = Client()
    sign_in(client)
    assert not is_in(client)
    sign_in(client, otp_token=code_of(device))
    assert is_in(client)
    assert client.get(reverse("admin:one_time_codes")).status_code == 200
    assert client.get(reverse("admin:password_change")).status_code == 200


def test_memberships_are_given_by_superusers_only(chief_client: Client, campus: None) -> None:
    user = User.objects.create_user("lin", password=PASSWORD, is_staff=True)
    url = admin_url(UnitMembership, "add")
    response = chief_client.post(url, {"user": user.pk, "unit": "No such unit"})
    assert response.context["adminform"].form.errors["unit"]
    chief_client.post(url, {"user": user.pk, "unit": UNIT})
    assert UnitMembership.objects.get().unit == UNIT
    assert user.groups.filter(name=GROUP).exists()
    deputy = User.objects.create_user("deputy", is_staff=True)
    deputy.user_permissions.set(Permission.objects.all())
    for name, args in (("add", ()), ("change", (1,)), ("delete", (1,))):
        data = {"user": deputy.pk, "unit": OTHER, "post": "yes"}
        answer = signed_in(deputy).post(admin_url(UnitMembership, name, *args), data)
        assert answer.status_code in {302, 403}
    assert UnitMembership.objects.count() == 1


def test_what_members_of_no_unit_see_stays_as_it_was(viewer_client: Client, campus: None) -> None:
    assert page(viewer_client, Host, "changelist").context["cl"].result_count == 3
    assert page(viewer_client, Network, "changelist").context["cl"].result_count == 3
