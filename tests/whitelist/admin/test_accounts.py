"""Staff accounts: nobody makes themselves more than they are."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.whitelist.admin.signing_in import HERE, sign_in
from tests.whitelist.admin.staff import PASSWORD, make_staff

pytestmark = pytest.mark.django_db


def test_who_is_no_superuser_cannot_make_one(client: Client) -> None:
    editor = make_staff("editor", "view", "change", "add")
    sign_in(client, username="editor")
    page = reverse("admin:auth_user_change", args=[editor.pk])
    fields = {"username": "editor", "is_staff": "on", "is_active": "on", "is_superuser": "on"}
    fields |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert client.post(page, fields, REMOTE_ADDR=HERE).status_code == 302
    editor.refresh_from_db()
    assert not editor.is_superuser


def test_who_is_no_superuser_cannot_touch_one(client: Client) -> None:
    chief = User.objects.create_superuser("chief", password=PASSWORD)
    make_staff("editor", "view", "change", "delete")
    sign_in(client, username="editor")
    password = reverse("admin:auth_user_password_change", args=[chief.pk])
    new = {"password1": "something new 123", "password2": "something new 123"}
    assert client.post(password, new, REMOTE_ADDR=HERE).status_code == 403
    delete = reverse("admin:auth_user_delete", args=[chief.pk])
    assert client.post(delete, {"post": "yes"}, REMOTE_ADDR=HERE).status_code == 403
    actions = {"action": "delete_selected", "_selected_action": [chief.pk], "post": "yes"}
    client.post(reverse("admin:auth_user_changelist"), actions, REMOTE_ADDR=HERE)
    assert User.objects.filter(pk=chief.pk).exists()
